// The wire's types. Written by clients/wire_types.py from openapi.json; do not edit.

/// Who called the tool server.
public struct UsageClient: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        ip: String? = nil,
        userAgent: String? = nil
    ) {
        json = [:]
        self.ip = ip
        self.userAgent = userAgent
    }

    /// The client's address.
    public var ip: String? {
        get { json.value("ip") }
        set { json.set("ip", newValue) }
    }

    /// Its `User-Agent`; the first 1024 characters are kept.
    public var userAgent: String? {
        get { json.value("user_agent") }
        set { json.set("user_agent", newValue) }
    }
}

/// What the call is expected to take; at least one field.
public struct UsageEstimate: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        inputChars: Int? = nil,
        maxOutputTokens: Int? = nil,
        model: String? = nil,
        inputTokens: Int? = nil
    ) {
        json = [:]
        self.inputChars = inputChars
        self.maxOutputTokens = maxOutputTokens
        self.model = model
        self.inputTokens = inputTokens
    }

    /// Characters of input.
    public var inputChars: Int? {
        get { json.value("input_chars") }
        set { json.set("input_chars", newValue) }
    }

    /// Tokens of output, at most.
    public var maxOutputTokens: Int? {
        get { json.value("max_output_tokens") }
        set { json.set("max_output_tokens", newValue) }
    }

    /// The model.
    public var model: String? {
        get { json.value("model") }
        set { json.set("model", newValue) }
    }

    /// Tokens of input; they say more than its characters.
    public var inputTokens: Int? {
        get { json.value("input_tokens") }
        set { json.set("input_tokens", newValue) }
    }
}

/// Asks whether the user may run a feature now.
public struct UsageValidateRequest: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        requestId: String? = nil,
        featureKey: String? = nil,
        endpoint: String? = nil,
        method: String? = nil,
        payloadHash: String? = nil,
        holdSeconds: Int? = nil,
        parentUsageId: String? = nil,
        client: UsageClient? = nil,
        usageEstimate: UsageEstimate? = nil
    ) {
        json = [:]
        self.requestId = requestId
        self.featureKey = featureKey
        self.endpoint = endpoint
        self.method = method
        self.payloadHash = payloadHash
        self.holdSeconds = holdSeconds
        self.parentUsageId = parentUsageId
        self.client = client
        self.usageEstimate = usageEstimate
    }

    /// Names the call; repeat it to repeat the question.
    public var requestId: String? {
        get { json.value("request_id") }
        set { json.set("request_id", newValue) }
    }

    /// The feature, e.g. `career.job_match`.
    public var featureKey: String? {
        get { json.value("feature_key") }
        set { json.set("feature_key", newValue) }
    }

    /// The tool server's endpoint that was called.
    public var endpoint: String? {
        get { json.value("endpoint") }
        set { json.set("endpoint", newValue) }
    }

    /// Its HTTP method; stored in upper case.
    public var method: String? {
        get { json.value("method") }
        set { json.set("method", newValue) }
    }

    /// SHA-256 of the call's payload.
    public var payloadHash: String? {
        get { json.value("payload_hash") }
        set { json.set("payload_hash", newValue) }
    }

    /// How long to hold; if not given, the smaller of `RESERVATION_TTL` and the feature's
    /// maximum.
    public var holdSeconds: Int? {
        get { json.value("hold_seconds") }
        set { json.set("hold_seconds", newValue) }
    }

    /// The running call out of whose hold this one's is taken; if not given, the balance.
    public var parentUsageId: String? {
        get { json.value("parent_usage_id") }
        set { json.set("parent_usage_id", newValue) }
    }

    /// Who called the tool server.
    public var client: UsageClient? {
        get { json.value("client") }
        set { json.set("client", newValue) }
    }

    /// What the call is expected to take.
    public var usageEstimate: UsageEstimate? {
        get { json.value("usage_estimate") }
        set { json.set("usage_estimate", newValue) }
    }
}

/// The call `validate` as an operation of a batch.
public typealias UsageValidateOperation = JSONObject

/// Asks to hold longer, or more.
public struct UsageExtendRequest: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        userId: String? = nil,
        usageId: String? = nil,
        extensionId: String? = nil,
        holdSeconds: Int? = nil,
        additionalCredits: String? = nil,
        usageEstimate: UsageEstimate? = nil
    ) {
        json = [:]
        self.userId = userId
        self.usageId = usageId
        self.extensionId = extensionId
        self.holdSeconds = holdSeconds
        self.additionalCredits = additionalCredits
        self.usageEstimate = usageEstimate
    }

    /// Whose call it is.
    public var userId: String? {
        get { json.value("user_id") }
        set { json.set("user_id", newValue) }
    }

    /// What validate answered.
    public var usageId: String? {
        get { json.value("usage_id") }
        set { json.set("usage_id", newValue) }
    }

    /// Names the extension; repeat it to repeat the question.
    public var extensionId: String? {
        get { json.value("extension_id") }
        set { json.set("extension_id", newValue) }
    }

    /// How long to hold from now on, at least.
    public var holdSeconds: Int? {
        get { json.value("hold_seconds") }
        set { json.set("hold_seconds", newValue) }
    }

    /// What to hold beside what is held.
    public var additionalCredits: String? {
        get { json.value("additional_credits") }
        set { json.set("additional_credits", newValue) }
    }

    /// What the whole call is now expected to take, in place of `additional_credits`.
    public var usageEstimate: UsageEstimate? {
        get { json.value("usage_estimate") }
        set { json.set("usage_estimate", newValue) }
    }
}

/// The call `extend` as an operation of a batch.
public typealias UsageExtendOperation = JSONObject

/// What the tool server measured.
public struct UsageMetrics: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        modelUsed: String? = nil,
        inputTokens: Int? = nil,
        outputTokens: Int? = nil,
        latencyMs: Int? = nil,
        cachedInputTokens: Int? = nil,
        reasoningTokens: Int? = nil
    ) {
        json = [:]
        self.modelUsed = modelUsed
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.latencyMs = latencyMs
        self.cachedInputTokens = cachedInputTokens
        self.reasoningTokens = reasoningTokens
    }

    /// The model that ran.
    public var modelUsed: String? {
        get { json.value("model_used") }
        set { json.set("model_used", newValue) }
    }

    /// Tokens of input, cached ones among them.
    public var inputTokens: Int? {
        get { json.value("input_tokens") }
        set { json.set("input_tokens", newValue) }
    }

    /// Tokens of output, those of reasoning among them.
    public var outputTokens: Int? {
        get { json.value("output_tokens") }
        set { json.set("output_tokens", newValue) }
    }

    /// How long it took, in milliseconds.
    public var latencyMs: Int? {
        get { json.value("latency_ms") }
        set { json.set("latency_ms", newValue) }
    }

    /// Tokens of input that the provider had cached: a part of `input_tokens`.
    public var cachedInputTokens: Int? {
        get { json.value("cached_input_tokens") }
        set { json.set("cached_input_tokens", newValue) }
    }

    /// Tokens of reasoning: a part of `output_tokens`.
    public var reasoningTokens: Int? {
        get { json.value("reasoning_tokens") }
        set { json.set("reasoning_tokens", newValue) }
    }
}

/// Charges a part of what is held.
public struct UsageCaptureRequest: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        userId: String? = nil,
        usageId: String? = nil,
        captureId: String? = nil,
        credits: String? = nil,
        metrics: UsageMetrics? = nil
    ) {
        json = [:]
        self.userId = userId
        self.usageId = usageId
        self.captureId = captureId
        self.credits = credits
        self.metrics = metrics
    }

    /// Whose call it is.
    public var userId: String? {
        get { json.value("user_id") }
        set { json.set("user_id", newValue) }
    }

    /// What validate answered.
    public var usageId: String? {
        get { json.value("usage_id") }
        set { json.set("usage_id", newValue) }
    }

    /// Names the part; repeat it to repeat the question.
    public var captureId: String? {
        get { json.value("capture_id") }
        set { json.set("capture_id", newValue) }
    }

    /// What the part costs.
    public var credits: String? {
        get { json.value("credits") }
        set { json.set("credits", newValue) }
    }

    /// What was measured since the part before: with counts of tokens, in place of `credits`.
    public var metrics: UsageMetrics? {
        get { json.value("metrics") }
        set { json.set("metrics", newValue) }
    }
}

/// The call `capture` as an operation of a batch.
public typealias UsageCaptureOperation = JSONObject

/// FailureType.
public struct FailureType: WireText {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public static let internalError = FailureType(rawValue: "internal_error")
    public static let timeout = FailureType(rawValue: "timeout")
    public static let rateLimited = FailureType(rawValue: "rate_limited")
    public static let invalidResponse = FailureType(rawValue: "invalid_response")
    public static let upstreamError = FailureType(rawValue: "upstream_error")
    public static let clientError = FailureType(rawValue: "client_error")
    public static let validationError = FailureType(rawValue: "validation_error")
    public static let canceled = FailureType(rawValue: "canceled")
}

/// Why a call failed.
public struct UsageFailure: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        failureType: FailureType? = nil,
        reason: String? = nil
    ) {
        json = [:]
        self.failureType = failureType
        self.reason = reason
    }

    /// What kind of failure; `canceled` is told by cancel alone.
    public var failureType: FailureType? {
        get { json.value("failure_type") }
        set { json.set("failure_type", newValue) }
    }

    /// One sentence.
    public var reason: String? {
        get { json.value("reason") }
        set { json.set("reason", newValue) }
    }
}

/// The result of a call, kept for its user.
public struct UsageResult: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        title: String? = nil,
        data: JSONObject? = nil
    ) {
        json = [:]
        self.title = title
        self.data = data
    }

    /// What the user finds it by.
    public var title: String? {
        get { json.value("title") }
        set { json.set("title", newValue) }
    }

    /// Any JSON, at most 256 KiB without white space.
    public var data: JSONObject? {
        get { json.value("data") }
        set { json.set("data", newValue) }
    }
}

/// Tells how a call ended.
public struct UsageCommitRequest: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        userId: String? = nil,
        usageId: String? = nil,
        success: Bool? = nil,
        metrics: UsageMetrics? = nil,
        credits: String? = nil,
        failure: UsageFailure? = nil,
        result: UsageResult? = nil
    ) {
        json = [:]
        self.userId = userId
        self.usageId = usageId
        self.success = success
        self.metrics = metrics
        self.credits = credits
        self.failure = failure
        self.result = result
    }

    /// Whose call it was.
    public var userId: String? {
        get { json.value("user_id") }
        set { json.set("user_id", newValue) }
    }

    /// What validate answered.
    public var usageId: String? {
        get { json.value("usage_id") }
        set { json.set("usage_id", newValue) }
    }

    /// Whether the call succeeded.
    public var success: Bool? {
        get { json.value("success") }
        set { json.set("success", newValue) }
    }

    /// What was measured.
    public var metrics: UsageMetrics? {
        get { json.value("metrics") }
        set { json.set("metrics", newValue) }
    }

    /// What a success charges, at most what is held and beside what was captured; nothing
    /// beside counts of tokens. All that is held if neither is given.
    public var credits: String? {
        get { json.value("credits") }
        set { json.set("credits", newValue) }
    }

    /// Why it failed: required when `success` is false, refused when it is true.
    public var failure: UsageFailure? {
        get { json.value("failure") }
        set { json.set("failure", newValue) }
    }

    /// What is kept for the user, who finds it under `/career/history`; of a success only.
    public var result: UsageResult? {
        get { json.value("result") }
        set { json.set("result", newValue) }
    }
}

/// The call `commit` as an operation of a batch.
public typealias UsageCommitOperation = JSONObject

/// Stops a call.
public struct UsageCancelRequest: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        userId: String? = nil,
        usageId: String? = nil
    ) {
        json = [:]
        self.userId = userId
        self.usageId = usageId
    }

    /// Whose call it is.
    public var userId: String? {
        get { json.value("user_id") }
        set { json.set("user_id", newValue) }
    }

    /// What validate answered.
    public var usageId: String? {
        get { json.value("usage_id") }
        set { json.set("usage_id", newValue) }
    }
}

/// The call `cancel` as an operation of a batch.
public typealias UsageCancelOperation = JSONObject

/// Tells of a call that ran unasked.
public struct UsageRecordRequest: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        userId: String? = nil,
        requestId: String? = nil,
        payloadHash: String? = nil,
        featureKey: String? = nil,
        ranAt: String? = nil,
        metrics: UsageMetrics? = nil
    ) {
        json = [:]
        self.userId = userId
        self.requestId = requestId
        self.payloadHash = payloadHash
        self.featureKey = featureKey
        self.ranAt = ranAt
        self.metrics = metrics
    }

    /// Whose call it was.
    public var userId: String? {
        get { json.value("user_id") }
        set { json.set("user_id", newValue) }
    }

    /// Names the call; as in validate.
    public var requestId: String? {
        get { json.value("request_id") }
        set { json.set("request_id", newValue) }
    }

    /// SHA-256 of the call's payload.
    public var payloadHash: String? {
        get { json.value("payload_hash") }
        set { json.set("payload_hash", newValue) }
    }

    /// The feature, e.g. `career.job_match`.
    public var featureKey: String? {
        get { json.value("feature_key") }
        set { json.set("feature_key", newValue) }
    }

    /// When it ran.
    public var ranAt: String? {
        get { json.value("ran_at") }
        set { json.set("ran_at", newValue) }
    }

    /// What was measured.
    public var metrics: UsageMetrics? {
        get { json.value("metrics") }
        set { json.set("metrics", newValue) }
    }
}

/// The call `record` as an operation of a batch.
public typealias UsageRecordOperation = JSONObject

/// Calls of the internal API, to be answered together.
public struct UsageBatchRequest: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        operations: [JSON]? = nil
    ) {
        json = [:]
        self.operations = operations
    }

    /// In the order in which those of one account are decided.
    public var operations: [JSON]? {
        get { json.value("operations") }
        set { json.set("operations", newValue) }
    }
}

/// UsageAccess.
public struct UsageAccess: WireText {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public static let granted = UsageAccess(rawValue: "granted")
    public static let denied = UsageAccess(rawValue: "denied")
}

/// UsageStatus.
public struct UsageStatus: WireText {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public static let pending = UsageStatus(rawValue: "PENDING")
    public static let success = UsageStatus(rawValue: "SUCCESS")
    public static let failed = UsageStatus(rawValue: "FAILED")
    public static let expired = UsageStatus(rawValue: "EXPIRED")
}

/// UsageDecision.
public struct UsageDecision: WireText {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public static let reserved = UsageDecision(rawValue: "reserved")
    public static let replayed = UsageDecision(rawValue: "replayed")
    public static let noSubscription = UsageDecision(rawValue: "no_subscription")
    public static let subscriptionInactive = UsageDecision(rawValue: "subscription_inactive")
    public static let rateLimited = UsageDecision(rawValue: "rate_limited")
    public static let requestAlreadyFinished = UsageDecision(rawValue: "request_already_finished")
    public static let requestMismatch = UsageDecision(rawValue: "request_mismatch")
    public static let quotaExceeded = UsageDecision(rawValue: "quota_exceeded")
    public static let spendingLimitReached = UsageDecision(rawValue: "spending_limit_reached")
    public static let parentEnded = UsageDecision(rawValue: "parent_ended")
    public static let parentHoldExceeded = UsageDecision(rawValue: "parent_hold_exceeded")
}

/// The decision on a call.
public struct UsageValidateResponse: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        access: UsageAccess? = nil,
        userId: String? = nil,
        usageId: String? = nil,
        message: String? = nil,
        creditsReserved: String? = nil,
        status: UsageStatus? = nil,
        code: UsageDecision? = nil,
        expiresAt: String? = nil
    ) {
        json = [:]
        self.access = access
        self.userId = userId
        self.usageId = usageId
        self.message = message
        self.creditsReserved = creditsReserved
        self.status = status
        self.code = code
        self.expiresAt = expiresAt
    }

    /// Whether the call may run.
    public var access: UsageAccess? {
        get { json.value("access") }
        set { json.set("access", newValue) }
    }

    /// Whose call it is.
    public var userId: String? {
        get { json.value("user_id") }
        set { json.set("user_id", newValue) }
    }

    /// The log; commit with it.
    public var usageId: String? {
        get { json.value("usage_id") }
        set { json.set("usage_id", newValue) }
    }

    /// One sentence for a person.
    public var message: String? {
        get { json.value("message") }
        set { json.set("message", newValue) }
    }

    /// What the call holds.
    public var creditsReserved: String? {
        get { json.value("credits_reserved") }
        set { json.set("credits_reserved", newValue) }
    }

    /// The log's status.
    public var status: UsageStatus? {
        get { json.value("status") }
        set { json.set("status", newValue) }
    }

    /// The decision, for programs.
    public var code: UsageDecision? {
        get { json.value("code") }
        set { json.set("code", newValue) }
    }

    /// Commit before this.
    public var expiresAt: String? {
        get { json.value("expires_at") }
        set { json.set("expires_at", newValue) }
    }
}

/// HoldDecision.
public struct HoldDecision: WireText {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public static let extended = HoldDecision(rawValue: "extended")
    public static let captured = HoldDecision(rawValue: "captured")
    public static let canceled = HoldDecision(rawValue: "canceled")
    public static let alreadyEnded = HoldDecision(rawValue: "already_ended")
    public static let requestMismatch = HoldDecision(rawValue: "request_mismatch")
    public static let holdExceeded = HoldDecision(rawValue: "hold_exceeded")
    public static let subscriptionInactive = HoldDecision(rawValue: "subscription_inactive")
    public static let quotaExceeded = HoldDecision(rawValue: "quota_exceeded")
    public static let spendingLimitReached = HoldDecision(rawValue: "spending_limit_reached")
    public static let parentEnded = HoldDecision(rawValue: "parent_ended")
    public static let parentHoldExceeded = HoldDecision(rawValue: "parent_hold_exceeded")
}

/// What became of a hold.
public struct UsageHoldResponse: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        success: Bool? = nil,
        code: HoldDecision? = nil,
        message: String? = nil,
        status: UsageStatus? = nil,
        usageId: String? = nil,
        creditsReserved: String? = nil,
        creditsCharged: String? = nil,
        expiresAt: String? = nil
    ) {
        json = [:]
        self.success = success
        self.code = code
        self.message = message
        self.status = status
        self.usageId = usageId
        self.creditsReserved = creditsReserved
        self.creditsCharged = creditsCharged
        self.expiresAt = expiresAt
    }

    /// Whether it was done, or had been.
    public var success: Bool? {
        get { json.value("success") }
        set { json.set("success", newValue) }
    }

    /// The decision, for programs.
    public var code: HoldDecision? {
        get { json.value("code") }
        set { json.set("code", newValue) }
    }

    /// One sentence for a person.
    public var message: String? {
        get { json.value("message") }
        set { json.set("message", newValue) }
    }

    /// How the call stands.
    public var status: UsageStatus? {
        get { json.value("status") }
        set { json.set("status", newValue) }
    }

    /// The log.
    public var usageId: String? {
        get { json.value("usage_id") }
        set { json.set("usage_id", newValue) }
    }

    /// What is held now; after the end all that ever was.
    public var creditsReserved: String? {
        get { json.value("credits_reserved") }
        set { json.set("credits_reserved", newValue) }
    }

    /// What was charged of it until now.
    public var creditsCharged: String? {
        get { json.value("credits_charged") }
        set { json.set("credits_charged", newValue) }
    }

    /// When the hold lapses.
    public var expiresAt: String? {
        get { json.value("expires_at") }
        set { json.set("expires_at", newValue) }
    }
}

/// What became of a commit.
public struct UsageCommitResponse: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        success: Bool? = nil,
        message: String? = nil,
        status: UsageStatus? = nil,
        creditsCharged: String? = nil,
        creditsNotCharged: String? = nil,
        isLate: Bool? = nil,
        resultKept: Bool? = nil
    ) {
        json = [:]
        self.success = success
        self.message = message
        self.status = status
        self.creditsCharged = creditsCharged
        self.creditsNotCharged = creditsNotCharged
        self.isLate = isLate
        self.resultKept = resultKept
    }

    /// Whether the commit was applied or had been; with 202, true: accepted for good.
    public var success: Bool? {
        get { json.value("success") }
        set { json.set("success", newValue) }
    }

    /// One sentence for a person.
    public var message: String? {
        get { json.value("message") }
        set { json.set("message", newValue) }
    }

    /// How the call ended; PENDING with 202.
    public var status: UsageStatus? {
        get { json.value("status") }
        set { json.set("status", newValue) }
    }

    /// What the whole call cost, captures included; with 202, the captures alone.
    public var creditsCharged: String? {
        get { json.value("credits_charged") }
        set { json.set("credits_charged", newValue) }
    }

    /// What it took beyond what was held and to be had.
    public var creditsNotCharged: String? {
        get { json.value("credits_not_charged") }
        set { json.set("credits_not_charged", newValue) }
    }

    /// Whether the hold had expired before.
    public var isLate: Bool? {
        get { json.value("is_late") }
        set { json.set("is_late", newValue) }
    }

    /// Whether a result of the call is kept: false if the user's 50 MiB are full. null without
    /// `result`, and with 202.
    public var resultKept: Bool? {
        get { json.value("result_kept") }
        set { json.set("result_kept", newValue) }
    }
}

/// RecordDecision.
public struct RecordDecision: WireText {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public static let recorded = RecordDecision(rawValue: "recorded")
    public static let alreadyEnded = RecordDecision(rawValue: "already_ended")
    public static let requestMismatch = RecordDecision(rawValue: "request_mismatch")
    public static let noSubscription = RecordDecision(rawValue: "no_subscription")
}

/// What became of a call that ran unasked.
public struct UsageRecordResponse: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        success: Bool? = nil,
        code: RecordDecision? = nil,
        message: String? = nil,
        usageId: String? = nil,
        status: UsageStatus? = nil,
        creditsCharged: String? = nil,
        creditsNotCharged: String? = nil
    ) {
        json = [:]
        self.success = success
        self.code = code
        self.message = message
        self.usageId = usageId
        self.status = status
        self.creditsCharged = creditsCharged
        self.creditsNotCharged = creditsNotCharged
    }

    /// Whether it is recorded, now or before.
    public var success: Bool? {
        get { json.value("success") }
        set { json.set("success", newValue) }
    }

    /// The decision, for programs.
    public var code: RecordDecision? {
        get { json.value("code") }
        set { json.set("code", newValue) }
    }

    /// One sentence for a person.
    public var message: String? {
        get { json.value("message") }
        set { json.set("message", newValue) }
    }

    /// The log.
    public var usageId: String? {
        get { json.value("usage_id") }
        set { json.set("usage_id", newValue) }
    }

    /// How the call ended.
    public var status: UsageStatus? {
        get { json.value("status") }
        set { json.set("status", newValue) }
    }

    /// What the call cost.
    public var creditsCharged: String? {
        get { json.value("credits_charged") }
        set { json.set("credits_charged", newValue) }
    }

    /// What it took beyond what was to be had.
    public var creditsNotCharged: String? {
        get { json.value("credits_not_charged") }
        set { json.set("credits_not_charged", newValue) }
    }
}

/// A refusal (RFC 9457).
public struct Problem: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        type: String? = nil,
        title: String? = nil,
        status: Int? = nil,
        detail: String? = nil,
        code: String? = nil,
        errors: [JSONObject]? = nil
    ) {
        json = [:]
        self.type = type
        self.title = title
        self.status = status
        self.detail = detail
        self.code = code
        self.errors = errors
    }

    /// type
    public var type: String? {
        get { json.value("type") }
        set { json.set("type", newValue) }
    }

    /// What kind of refusal this is.
    public var title: String? {
        get { json.value("title") }
        set { json.set("title", newValue) }
    }

    /// status
    public var status: Int? {
        get { json.value("status") }
        set { json.set("status", newValue) }
    }

    /// One sentence on this refusal.
    public var detail: String? {
        get { json.value("detail") }
        set { json.set("detail", newValue) }
    }

    /// Stable, for programs.
    public var code: String? {
        get { json.value("code") }
        set { json.set("code", newValue) }
    }

    /// All that is wrong with the input; only with status 422.
    public var errors: [JSONObject]? {
        get { json.value("errors") }
        set { json.set("errors", newValue) }
    }
}

/// What the single call would be answered with.
public struct UsageOperationResult: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        status: Int? = nil,
        headers: JSONObject? = nil,
        body: JSON? = nil
    ) {
        json = [:]
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The status of the answer.
    public var status: Int? {
        get { json.value("status") }
        set { json.set("status", newValue) }
    }

    /// `Retry-After`, `X-RateLimit-*`, `WWW-Authenticate` and `Preference-Applied`, those that
    /// the answer has; absent if it has none.
    public var headers: JSONObject? {
        get { json.value("headers") }
        set { json.set("headers", newValue) }
    }

    /// body
    public var body: JSON? {
        get { json.value("body") }
        set { json.set("body", newValue) }
    }
}

/// The answers to the operations of a batch.
public struct UsageBatchResponse: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        results: [UsageOperationResult]? = nil
    ) {
        json = [:]
        self.results = results
    }

    /// One for each operation, in their order.
    public var results: [UsageOperationResult]? {
        get { json.value("results") }
        set { json.set("results", newValue) }
    }
}

/// Asks whether a call with the key may run a feature now.
public struct APIUsageValidateRequest: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        clientId: String? = nil,
        apiKey: String? = nil,
        requestId: String? = nil,
        featureKey: String? = nil,
        endpoint: String? = nil,
        method: String? = nil,
        payloadHash: String? = nil,
        holdSeconds: Int? = nil,
        parentUsageId: String? = nil,
        client: UsageClient? = nil,
        usageEstimate: UsageEstimate? = nil
    ) {
        json = [:]
        self.clientId = clientId
        self.apiKey = apiKey
        self.requestId = requestId
        self.featureKey = featureKey
        self.endpoint = endpoint
        self.method = method
        self.payloadHash = payloadHash
        self.holdSeconds = holdSeconds
        self.parentUsageId = parentUsageId
        self.client = client
        self.usageEstimate = usageEstimate
    }

    /// The customer's workspace, e.g. `ws_` and 32 digits.
    public var clientId: String? {
        get { json.value("client_id") }
        set { json.set("client_id", newValue) }
    }

    /// The customer's key, as their software sent it.
    public var apiKey: String? {
        get { json.value("api_key") }
        set { json.set("api_key", newValue) }
    }

    /// Names the call; repeat it to repeat the question.
    public var requestId: String? {
        get { json.value("request_id") }
        set { json.set("request_id", newValue) }
    }

    /// The feature, e.g. `api.job_match`.
    public var featureKey: String? {
        get { json.value("feature_key") }
        set { json.set("feature_key", newValue) }
    }

    /// The tool server's endpoint that was called.
    public var endpoint: String? {
        get { json.value("endpoint") }
        set { json.set("endpoint", newValue) }
    }

    /// Its HTTP method; stored in upper case.
    public var method: String? {
        get { json.value("method") }
        set { json.set("method", newValue) }
    }

    /// SHA-256 of the call's payload.
    public var payloadHash: String? {
        get { json.value("payload_hash") }
        set { json.set("payload_hash", newValue) }
    }

    /// How long to hold; if not given, the smaller of `RESERVATION_TTL` and the feature's
    /// maximum.
    public var holdSeconds: Int? {
        get { json.value("hold_seconds") }
        set { json.set("hold_seconds", newValue) }
    }

    /// The running call out of whose hold this one's is taken; if not given, the balance.
    public var parentUsageId: String? {
        get { json.value("parent_usage_id") }
        set { json.set("parent_usage_id", newValue) }
    }

    /// Who called the tool server.
    public var client: UsageClient? {
        get { json.value("client") }
        set { json.set("client", newValue) }
    }

    /// What the call is expected to take.
    public var usageEstimate: UsageEstimate? {
        get { json.value("usage_estimate") }
        set { json.set("usage_estimate", newValue) }
    }
}

/// The call `validate` as an operation of a batch.
public typealias APIUsageValidateOperation = JSONObject

/// Asks to hold longer, or more.
public struct APIUsageExtendRequest: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        clientId: String? = nil,
        usageId: String? = nil,
        extensionId: String? = nil,
        holdSeconds: Int? = nil,
        additionalCredits: String? = nil,
        usageEstimate: UsageEstimate? = nil
    ) {
        json = [:]
        self.clientId = clientId
        self.usageId = usageId
        self.extensionId = extensionId
        self.holdSeconds = holdSeconds
        self.additionalCredits = additionalCredits
        self.usageEstimate = usageEstimate
    }

    /// The customer's workspace, e.g. `ws_` and 32 digits.
    public var clientId: String? {
        get { json.value("client_id") }
        set { json.set("client_id", newValue) }
    }

    /// What validate answered.
    public var usageId: String? {
        get { json.value("usage_id") }
        set { json.set("usage_id", newValue) }
    }

    /// Names the extension; repeat it to repeat the question.
    public var extensionId: String? {
        get { json.value("extension_id") }
        set { json.set("extension_id", newValue) }
    }

    /// How long to hold from now on, at least.
    public var holdSeconds: Int? {
        get { json.value("hold_seconds") }
        set { json.set("hold_seconds", newValue) }
    }

    /// What to hold beside what is held.
    public var additionalCredits: String? {
        get { json.value("additional_credits") }
        set { json.set("additional_credits", newValue) }
    }

    /// What the whole call is now expected to take, in place of `additional_credits`.
    public var usageEstimate: UsageEstimate? {
        get { json.value("usage_estimate") }
        set { json.set("usage_estimate", newValue) }
    }
}

/// The call `extend` as an operation of a batch.
public typealias APIUsageExtendOperation = JSONObject

/// Charges a part of what is held.
public struct APIUsageCaptureRequest: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        clientId: String? = nil,
        usageId: String? = nil,
        captureId: String? = nil,
        credits: String? = nil,
        metrics: UsageMetrics? = nil
    ) {
        json = [:]
        self.clientId = clientId
        self.usageId = usageId
        self.captureId = captureId
        self.credits = credits
        self.metrics = metrics
    }

    /// The customer's workspace, e.g. `ws_` and 32 digits.
    public var clientId: String? {
        get { json.value("client_id") }
        set { json.set("client_id", newValue) }
    }

    /// What validate answered.
    public var usageId: String? {
        get { json.value("usage_id") }
        set { json.set("usage_id", newValue) }
    }

    /// Names the part; repeat it to repeat the question.
    public var captureId: String? {
        get { json.value("capture_id") }
        set { json.set("capture_id", newValue) }
    }

    /// What the part costs.
    public var credits: String? {
        get { json.value("credits") }
        set { json.set("credits", newValue) }
    }

    /// What was measured since the part before: with counts of tokens, in place of `credits`.
    public var metrics: UsageMetrics? {
        get { json.value("metrics") }
        set { json.set("metrics", newValue) }
    }
}

/// The call `capture` as an operation of a batch.
public typealias APIUsageCaptureOperation = JSONObject

/// Tells how a call by key ended.
public struct APIUsageCommitRequest: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        clientId: String? = nil,
        usageId: String? = nil,
        success: Bool? = nil,
        metrics: UsageMetrics? = nil,
        credits: String? = nil,
        failure: UsageFailure? = nil
    ) {
        json = [:]
        self.clientId = clientId
        self.usageId = usageId
        self.success = success
        self.metrics = metrics
        self.credits = credits
        self.failure = failure
    }

    /// The customer's workspace, e.g. `ws_` and 32 digits.
    public var clientId: String? {
        get { json.value("client_id") }
        set { json.set("client_id", newValue) }
    }

    /// What validate answered.
    public var usageId: String? {
        get { json.value("usage_id") }
        set { json.set("usage_id", newValue) }
    }

    /// Whether the call succeeded.
    public var success: Bool? {
        get { json.value("success") }
        set { json.set("success", newValue) }
    }

    /// What was measured.
    public var metrics: UsageMetrics? {
        get { json.value("metrics") }
        set { json.set("metrics", newValue) }
    }

    /// What a success charges, at most what is held and beside what was captured; nothing
    /// beside counts of tokens. All that is held if neither is given.
    public var credits: String? {
        get { json.value("credits") }
        set { json.set("credits", newValue) }
    }

    /// Why it failed: required when `success` is false, refused when it is true.
    public var failure: UsageFailure? {
        get { json.value("failure") }
        set { json.set("failure", newValue) }
    }
}

/// The call `commit` as an operation of a batch.
public typealias APIUsageCommitOperation = JSONObject

/// Stops a call.
public struct APIUsageCancelRequest: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        clientId: String? = nil,
        usageId: String? = nil
    ) {
        json = [:]
        self.clientId = clientId
        self.usageId = usageId
    }

    /// The customer's workspace, e.g. `ws_` and 32 digits.
    public var clientId: String? {
        get { json.value("client_id") }
        set { json.set("client_id", newValue) }
    }

    /// What validate answered.
    public var usageId: String? {
        get { json.value("usage_id") }
        set { json.set("usage_id", newValue) }
    }
}

/// The call `cancel` as an operation of a batch.
public typealias APIUsageCancelOperation = JSONObject

/// Calls by key of the internal API, to be answered together.
public struct APIUsageBatchRequest: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        operations: [JSON]? = nil
    ) {
        json = [:]
        self.operations = operations
    }

    /// In the order in which those of one account are decided.
    public var operations: [JSON]? {
        get { json.value("operations") }
        set { json.set("operations", newValue) }
    }
}

/// APIUsageDecision.
public struct APIUsageDecision: WireText {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public static let reserved = APIUsageDecision(rawValue: "reserved")
    public static let replayed = APIUsageDecision(rawValue: "replayed")
    public static let workspaceFrozen = APIUsageDecision(rawValue: "workspace_frozen")
    public static let workspaceSuspended = APIUsageDecision(rawValue: "workspace_suspended")
    public static let noSubscription = APIUsageDecision(rawValue: "no_subscription")
    public static let subscriptionInactive = APIUsageDecision(rawValue: "subscription_inactive")
    public static let rateLimited = APIUsageDecision(rawValue: "rate_limited")
    public static let requestAlreadyFinished = APIUsageDecision(
        rawValue: "request_already_finished")
    public static let requestMismatch = APIUsageDecision(rawValue: "request_mismatch")
    public static let quotaExceeded = APIUsageDecision(rawValue: "quota_exceeded")
    public static let spendingLimitReached = APIUsageDecision(rawValue: "spending_limit_reached")
    public static let keyLimitReached = APIUsageDecision(rawValue: "key_limit_reached")
    public static let parentEnded = APIUsageDecision(rawValue: "parent_ended")
    public static let parentHoldExceeded = APIUsageDecision(rawValue: "parent_hold_exceeded")
}

/// The decision on a call by key.
public struct APIUsageValidateResponse: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        access: UsageAccess? = nil,
        workspaceId: String? = nil,
        isTestKey: Bool? = nil,
        usageId: String? = nil,
        message: String? = nil,
        creditsReserved: String? = nil,
        status: UsageStatus? = nil,
        code: APIUsageDecision? = nil,
        expiresAt: String? = nil
    ) {
        json = [:]
        self.access = access
        self.workspaceId = workspaceId
        self.isTestKey = isTestKey
        self.usageId = usageId
        self.message = message
        self.creditsReserved = creditsReserved
        self.status = status
        self.code = code
        self.expiresAt = expiresAt
    }

    /// Whether the call may run.
    public var access: UsageAccess? {
        get { json.value("access") }
        set { json.set("access", newValue) }
    }

    /// Whose call it is.
    public var workspaceId: String? {
        get { json.value("workspace_id") }
        set { json.set("workspace_id", newValue) }
    }

    /// Whether the call is a test: answer canned data.
    public var isTestKey: Bool? {
        get { json.value("is_test_key") }
        set { json.set("is_test_key", newValue) }
    }

    /// The log; commit with it.
    public var usageId: String? {
        get { json.value("usage_id") }
        set { json.set("usage_id", newValue) }
    }

    /// One sentence for a person.
    public var message: String? {
        get { json.value("message") }
        set { json.set("message", newValue) }
    }

    /// What the call holds.
    public var creditsReserved: String? {
        get { json.value("credits_reserved") }
        set { json.set("credits_reserved", newValue) }
    }

    /// The log's status.
    public var status: UsageStatus? {
        get { json.value("status") }
        set { json.set("status", newValue) }
    }

    /// The decision, for programs.
    public var code: APIUsageDecision? {
        get { json.value("code") }
        set { json.set("code", newValue) }
    }

    /// Commit before this.
    public var expiresAt: String? {
        get { json.value("expires_at") }
        set { json.set("expires_at", newValue) }
    }
}

/// APIHoldDecision.
public struct APIHoldDecision: WireText {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public static let extended = APIHoldDecision(rawValue: "extended")
    public static let captured = APIHoldDecision(rawValue: "captured")
    public static let canceled = APIHoldDecision(rawValue: "canceled")
    public static let alreadyEnded = APIHoldDecision(rawValue: "already_ended")
    public static let requestMismatch = APIHoldDecision(rawValue: "request_mismatch")
    public static let holdExceeded = APIHoldDecision(rawValue: "hold_exceeded")
    public static let workspaceFrozen = APIHoldDecision(rawValue: "workspace_frozen")
    public static let workspaceSuspended = APIHoldDecision(rawValue: "workspace_suspended")
    public static let subscriptionInactive = APIHoldDecision(rawValue: "subscription_inactive")
    public static let quotaExceeded = APIHoldDecision(rawValue: "quota_exceeded")
    public static let spendingLimitReached = APIHoldDecision(rawValue: "spending_limit_reached")
    public static let keyLimitReached = APIHoldDecision(rawValue: "key_limit_reached")
    public static let parentEnded = APIHoldDecision(rawValue: "parent_ended")
    public static let parentHoldExceeded = APIHoldDecision(rawValue: "parent_hold_exceeded")
}

/// What became of a hold of a call by key.
public struct APIUsageHoldResponse: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        success: Bool? = nil,
        code: APIHoldDecision? = nil,
        message: String? = nil,
        status: UsageStatus? = nil,
        usageId: String? = nil,
        creditsReserved: String? = nil,
        creditsCharged: String? = nil,
        expiresAt: String? = nil
    ) {
        json = [:]
        self.success = success
        self.code = code
        self.message = message
        self.status = status
        self.usageId = usageId
        self.creditsReserved = creditsReserved
        self.creditsCharged = creditsCharged
        self.expiresAt = expiresAt
    }

    /// Whether it was done, or had been.
    public var success: Bool? {
        get { json.value("success") }
        set { json.set("success", newValue) }
    }

    /// The decision, for programs.
    public var code: APIHoldDecision? {
        get { json.value("code") }
        set { json.set("code", newValue) }
    }

    /// One sentence for a person.
    public var message: String? {
        get { json.value("message") }
        set { json.set("message", newValue) }
    }

    /// How the call stands.
    public var status: UsageStatus? {
        get { json.value("status") }
        set { json.set("status", newValue) }
    }

    /// The log.
    public var usageId: String? {
        get { json.value("usage_id") }
        set { json.set("usage_id", newValue) }
    }

    /// What is held now; after the end all that ever was.
    public var creditsReserved: String? {
        get { json.value("credits_reserved") }
        set { json.set("credits_reserved", newValue) }
    }

    /// What was charged of it until now.
    public var creditsCharged: String? {
        get { json.value("credits_charged") }
        set { json.set("credits_charged", newValue) }
    }

    /// When the hold lapses.
    public var expiresAt: String? {
        get { json.value("expires_at") }
        set { json.set("expires_at", newValue) }
    }
}

/// What became of a commit of a call by key.
public struct APIUsageCommitResponse: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        success: Bool? = nil,
        message: String? = nil,
        status: UsageStatus? = nil,
        creditsCharged: String? = nil,
        creditsNotCharged: String? = nil,
        isLate: Bool? = nil
    ) {
        json = [:]
        self.success = success
        self.message = message
        self.status = status
        self.creditsCharged = creditsCharged
        self.creditsNotCharged = creditsNotCharged
        self.isLate = isLate
    }

    /// Whether the commit was applied or had been.
    public var success: Bool? {
        get { json.value("success") }
        set { json.set("success", newValue) }
    }

    /// One sentence for a person.
    public var message: String? {
        get { json.value("message") }
        set { json.set("message", newValue) }
    }

    /// How the call ended.
    public var status: UsageStatus? {
        get { json.value("status") }
        set { json.set("status", newValue) }
    }

    /// What the whole call cost, captures included.
    public var creditsCharged: String? {
        get { json.value("credits_charged") }
        set { json.set("credits_charged", newValue) }
    }

    /// What it took beyond what was held and to be had.
    public var creditsNotCharged: String? {
        get { json.value("credits_not_charged") }
        set { json.set("credits_not_charged", newValue) }
    }

    /// Whether the hold had expired before.
    public var isLate: Bool? {
        get { json.value("is_late") }
        set { json.set("is_late", newValue) }
    }
}

/// What the single call would be answered with.
public struct APIUsageOperationResult: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        status: Int? = nil,
        headers: JSONObject? = nil,
        body: JSON? = nil
    ) {
        json = [:]
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The status of the answer.
    public var status: Int? {
        get { json.value("status") }
        set { json.set("status", newValue) }
    }

    /// `Retry-After`, `X-RateLimit-*`, `WWW-Authenticate` and `Preference-Applied`, those that
    /// the answer has; absent if it has none.
    public var headers: JSONObject? {
        get { json.value("headers") }
        set { json.set("headers", newValue) }
    }

    /// body
    public var body: JSON? {
        get { json.value("body") }
        set { json.set("body", newValue) }
    }
}

/// The answers to the operations of a batch.
public struct APIUsageBatchResponse: WireObject {
    public var json: JSONObject

    public init(_ json: JSONObject) {
        self.json = json
    }

    public init(
        results: [APIUsageOperationResult]? = nil
    ) {
        json = [:]
        self.results = results
    }

    /// One for each operation, in their order.
    public var results: [APIUsageOperationResult]? {
        get { json.value("results") }
        set { json.set("results", newValue) }
    }
}
