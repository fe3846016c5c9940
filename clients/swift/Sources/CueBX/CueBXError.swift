/// What can keep a call from running, with the service's own sentence.
public struct CueBXError: Error, Sendable, CustomStringConvertible {
    /// Named alike in all languages' clients.
    public enum Kind: String, Sendable, CaseIterable {
        /// 429 `quota_exceeded`: offer a bigger plan or a pack of credits.
        case outOfCredits = "OutOfCredits"
        /// 429 `rate_limited`: too many calls in this minute or day.
        case rateLimited = "RateLimited"
        /// 429 `spending_limit_reached`: the user's own limit.
        case spendingLimit = "SpendingLimit"
        /// 429 `parent_hold_exceeded`: the parent's hold has not enough left for this child.
        case parentHoldExceeded = "ParentHoldExceeded"
        /// 429 `key_limit_reached`: the customer's own limit of this key.
        case keyLimitReached = "KeyLimitReached"
        /// 402 `workspace_frozen`: the customer's paid plan has ended; a kind of `paymentRequired`.
        case workspaceFrozen = "WorkspaceFrozen"
        /// 402 `workspace_suspended`: an operator has suspended the customer's workspace; a kind of
        /// `paymentRequired`.
        case workspaceSuspended = "WorkspaceSuspended"
        /// 402: no subscription, or one that is not active. `error.is(.paymentRequired)` is true of
        /// its kinds, too.
        case paymentRequired = "PaymentRequired"
        /// The same request was granted before and is still open; it must not run twice.
        case alreadyRunning = "AlreadyRunning"
        /// 409 `request_already_finished`: `usageStatus` says how. A new call needs a new request
        /// id.
        case alreadyFinished = "AlreadyFinished"
        /// 409 `request_mismatch`: the same request id and payload were sent for another feature.
        case requestMismatch = "RequestMismatch"
        /// 409 `parent_ended`: the parent's hold is over.
        case parentEnded = "ParentEnded"
        /// 401: the user's access token is over; refresh it.
        case tokenExpired = "TokenExpired"
        /// 401: the user's access token is not good.
        case invalidToken = "InvalidToken"
        /// 401 `invalid_api_key`: the customer's key is unknown, revoked or expired.
        case invalidApiKey = "InvalidApiKey"
        /// 400 `malformed_api_key`: what the customer sent is no API key.
        case malformedApiKey = "MalformedApiKey"
        /// 403 `key_of_another_workspace`: the customer's key is not one of their `client_id`.
        case keyOfAnotherWorkspace = "KeyOfAnotherWorkspace"
        /// 401 `invalid_internal_key`: a mistake in the tool server's own settings.
        case invalidInternalKey = "InvalidInternalKey"
        /// 403 `account_deactivated`: an operator has locked the user out.
        case accountDeactivated = "AccountDeactivated"
        /// 400 or 422: a mistake of the tool server's, e.g. a feature that is not in the catalog.
        case invalidRequest = "InvalidRequest"
        /// A refusal whose code is newer than this client.
        case refused = "Refused"
        /// The service could not be asked within the budget; nothing runs (fail closed).
        case unavailable = "Unavailable"
        /// A defect of the service, or an answer that is none of the service's.
        case serviceError = "ServiceError"
        /// As many calls as the client takes are waiting already; nothing was asked.
        case overloaded = "Overloaded"
        /// The spool cannot be written, so that an outcome could be lost; nothing was asked.
        case spoolUnavailable = "SpoolUnavailable"
        /// The service refused to prolong the hold, and the client was told to stop then.
        case holdEnded = "HoldEnded"
        /// The client is closed, or lacks a setting.
        case misused = "Misused"
    }

    public let kind: Kind
    /// One sentence for a person.
    public let message: String
    /// Of the answer, if there was one.
    public var status: Int?
    public var code: String?
    /// How long to wait, if waiting helps.
    public var retryAfter: Duration?
    /// Of the log that is in the way, if there is one.
    public var usageId: String?
    public var usageStatus: UsageStatus?
    /// Of the answer; quote it when you ask for help.
    public var requestId: String?
    /// Which fields are wrong, of a 422.
    public var fields: [JSONObject] = []

    init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// The service has decided that the call may not run; else nothing was decided.
    public var isRefusal: Bool {
        switch kind {
        case .unavailable, .serviceError, .overloaded, .spoolUnavailable, .holdEnded, .misused:
            false
        default: true
        }
    }

    /// Whether the error is of this kind, or of a kind of it: a frozen workspace's is a required
    /// payment, too.
    public func `is`(_ kind: Kind) -> Bool {
        self.kind == kind || Self.broader[self.kind] == kind
    }

    private static var broader: [Kind: Kind] {
        [.workspaceFrozen: .paymentRequired, .workspaceSuspended: .paymentRequired]
    }

    public var description: String { "\(kind.rawValue): \(message)" }

    static let byCode: [String: Kind] = [
        "quota_exceeded": .outOfCredits,
        "rate_limited": .rateLimited,
        "spending_limit_reached": .spendingLimit,
        "parent_hold_exceeded": .parentHoldExceeded,
        "key_limit_reached": .keyLimitReached,
        "no_subscription": .paymentRequired,
        "subscription_inactive": .paymentRequired,
        "workspace_frozen": .workspaceFrozen,
        "workspace_suspended": .workspaceSuspended,
        "replayed": .alreadyRunning,
        "request_already_finished": .alreadyFinished,
        "request_mismatch": .requestMismatch,
        "parent_ended": .parentEnded,
        "invalid_token": .invalidToken,
        "unauthorized": .invalidToken,
        "invalid_api_key": .invalidApiKey,
        "malformed_api_key": .malformedApiKey,
        "key_of_another_workspace": .keyOfAnotherWorkspace,
        "invalid_internal_key": .invalidInternalKey,
        "account_deactivated": .accountDeactivated,
        "validation_error": .invalidRequest,
        "malformed_json": .invalidRequest,
    ]

    /// For codes that this version does not know.
    static let byStatus: [Int: Kind] = [402: .paymentRequired, 422: .invalidRequest]
}
