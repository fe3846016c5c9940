import FoundationEssentials
import Values

/// One metered call of an AI feature: reserved by validate, settled by commit or by the clock.
public struct UsageLog: Sendable, Hashable {
    public enum Status: String, Sendable, Hashable, CaseIterable {
        case pending = "PENDING"
        case success = "SUCCESS"
        case failed = "FAILED"
        case expired = "EXPIRED"
    }

    public enum FailureType: String, Sendable, Hashable, CaseIterable {
        case internalError = "internal_error"
        case timeout = "timeout"
        case rateLimited = "rate_limited"
        case invalidResponse = "invalid_response"
        case upstreamError = "upstream_error"
        case clientError = "client_error"
        case validationError = "validation_error"
        /// The call was canceled; no commit may say so.
        case canceled
    }

    /// What the tool server told of the call when it asked.
    public struct Call: Sendable, Hashable {
        public var endpoint: String
        public var method: String
        public var clientIP: String?
        public var userAgent: String?
        public var inputChars: Int64?
        public var maxOutputTokens: Int64?
        public var model: String?
        /// Tokens of input; what holds them for a feature with token prices, not kept.
        public var inputTokens: Int64?

        public init(
            endpoint: String, method: String, clientIP: String? = nil, userAgent: String? = nil,
            inputChars: Int64? = nil, maxOutputTokens: Int64? = nil, model: String? = nil,
            inputTokens: Int64? = nil
        ) {
            self.endpoint = endpoint
            self.method = method
            self.clientIP = clientIP
            self.userAgent = userAgent
            self.inputChars = inputChars
            self.maxOutputTokens = maxOutputTokens
            self.model = model
            self.inputTokens = inputTokens
        }

        public var announced: AnnouncedUsage {
            AnnouncedUsage(
                model: model, inputTokens: inputTokens, inputChars: inputChars,
                maxOutputTokens: maxOutputTokens)
        }
    }

    /// What the tool server measured, told when it commits.
    public struct Metrics: Sendable, Hashable {
        public var modelUsed: String?
        public var inputTokens: Int64?
        public var outputTokens: Int64?
        public var latencyMilliseconds: Int64?
        /// A part of the input.
        public var cachedInputTokens: Int64?
        /// A part of the output.
        public var reasoningTokens: Int64?

        public init(
            modelUsed: String? = nil, inputTokens: Int64? = nil, outputTokens: Int64? = nil,
            latencyMilliseconds: Int64? = nil, cachedInputTokens: Int64? = nil,
            reasoningTokens: Int64? = nil
        ) {
            self.modelUsed = modelUsed
            self.inputTokens = inputTokens
            self.outputTokens = outputTokens
            self.latencyMilliseconds = latencyMilliseconds
            self.cachedInputTokens = cachedInputTokens
            self.reasoningTokens = reasoningTokens
        }

        /// The tokens that were told; `nil` if none were, or if a part is more than its whole.
        public var usedTokens: UsedTokens? {
            let told = [inputTokens, outputTokens, cachedInputTokens, reasoningTokens]
            guard told.contains(where: { $0 != nil }) else { return nil }
            return UsedTokens(
                input: inputTokens ?? 0, cachedInput: cachedInputTokens ?? 0,
                output: outputTokens ?? 0, reasoning: reasoningTokens ?? 0)
        }
    }

    public struct Failure: Sendable, Hashable {
        public let type: FailureType
        public let reason: String

        public init(type: FailureType, reason: String) {
            self.type = type
            self.reason = reason
        }
    }

    /// What is fixed once the call is validated.
    private struct Facts: Sendable, Hashable {
        let id: UUID
        let key: IdempotencyKey
        let subscriptionID: UUID
        let periodNumber: Int64
        let featureKey: String
        let call: Call
        let createdAt: Timestamp
        let parentID: UUID?
    }

    /// A decision copies a log some twenty times: copies have one box of its facts.
    private let facts: Shared<Facts>

    public var id: UUID { facts.value.id }
    public var key: IdempotencyKey { facts.value.key }
    public var subscriptionID: UUID { facts.value.subscriptionID }
    public var periodNumber: Int64 { facts.value.periodNumber }
    public var featureKey: String { facts.value.featureKey }
    public var call: Call { facts.value.call }
    public var createdAt: Timestamp { facts.value.createdAt }
    /// The call out of whose hold this one's was taken; `nil` for a call of its own.
    public var parentID: UUID? { facts.value.parentID }
    /// All that was ever held: at first, by raises, and by over-use that the account had.
    public internal(set) var creditsReserved: Credits
    public internal(set) var expiresAt: Timestamp
    /// By which catalog and plan the call is charged and its hold is bounded, for good; `nil` for a
    /// feature with a fixed price and no terms of its own.
    public internal(set) var pin: CatalogPin?

    public internal(set) var status: Status
    /// All that was charged until now, in parts and at the end; `nil` until something was.
    public internal(set) var creditsCharged: Credits?
    /// Of what a success was charged, what was captured in parts before it.
    public internal(set) var creditsInParts: Credits
    /// What the call took beyond what was held and could not be had: noted, never owed.
    public internal(set) var creditsNotCharged: Credits
    /// What it took beyond its hold and was had when it was committed, a part of all that it held;
    /// zero of calls from before this was kept.
    public internal(set) var creditsOverused: Credits
    /// Whether it succeeded after its hold had expired.
    public internal(set) var isLate: Bool
    /// When the log left PENDING by a commit.
    public internal(set) var committedAt: Timestamp?
    /// When a commit was accepted for later (`Prefer: respond-async`). From then on the log does
    /// not expire: the commit is judged by this time, however slow the queue is.
    public internal(set) var commitAcceptedAt: Timestamp?
    /// How the call ended by the commit that was accepted, SUCCESS or FAILED: no later commit may
    /// say otherwise. `nil` where `commitAcceptedAt` is.
    public internal(set) var commitAcceptedAs: Status?
    /// What the accepted commit is to charge; `nil`: all that is held.
    public internal(set) var commitAcceptedCredits: Credits?
    public internal(set) var metrics: Metrics
    public internal(set) var failure: Failure?
    /// What was drawn for it, in its order; empty if that was the pool of its own period alone.
    public internal(set) var draws: [Draw]
    /// What calls that took their holds out of this one's hold or were charged; frozen at its end.
    public internal(set) var creditsLent: Credits
    /// What the account could spend right before the hold and right after the call's end; `nil`
    /// where that was not kept, or is still to come. The batch notes it; no rule reads it.
    public internal(set) var balances = Balances()
    /// `nil` for a call that was made without a key.
    public internal(set) var caller: KeyedCaller?

    public struct Balances: Sendable, Hashable {
        public internal(set) var before: Credits?
        public internal(set) var after: Credits?

        public init(before: Credits? = nil, after: Credits? = nil) {
            self.before = before
            self.after = after
        }
    }

    public init(
        id: UUID, key: IdempotencyKey, subscriptionID: UUID, periodNumber: Int64,
        featureKey: String, call: Call, creditsReserved: Credits, createdAt: Timestamp,
        expiresAt: Timestamp, status: Status, creditsCharged: Credits?,
        committedAt: Timestamp?, commitAcceptedAt: Timestamp?, commitAcceptedAs: Status?,
        metrics: Metrics, failure: Failure?, pin: CatalogPin? = nil,
        creditsNotCharged: Credits = .zero, isLate: Bool = false,
        commitAcceptedCredits: Credits? = nil, draws: [Draw] = [],
        balances: Balances = Balances(), parentID: UUID? = nil, creditsLent: Credits = .zero,
        creditsOverused: Credits = .zero, creditsInParts: Credits = .zero,
        caller: KeyedCaller? = nil
    ) {
        facts = Shared(
            Facts(
                id: id, key: key, subscriptionID: subscriptionID, periodNumber: periodNumber,
                featureKey: featureKey, call: call, createdAt: createdAt, parentID: parentID))
        self.creditsReserved = creditsReserved
        self.expiresAt = expiresAt
        self.status = status
        self.creditsCharged = creditsCharged
        self.creditsInParts = creditsInParts
        self.committedAt = committedAt
        self.commitAcceptedAt = commitAcceptedAt
        self.commitAcceptedAs = commitAcceptedAs
        self.metrics = metrics
        self.failure = failure
        self.pin = pin
        self.creditsNotCharged = creditsNotCharged
        self.isLate = isLate
        self.commitAcceptedCredits = commitAcceptedCredits
        self.draws = draws
        self.balances = balances
        self.creditsLent = creditsLent
        self.creditsOverused = creditsOverused
        self.caller = caller
    }

    /// The same log with the draws that were loaded for it.
    public func with(draws: [Draw]) -> UsageLog {
        var log = self
        log.draws = draws
        return log
    }

    /// The same log, made with this key.
    func with(caller: KeyedCaller) -> UsageLog {
        var log = self
        log.caller = caller
        return log
    }

    /// What is held, neither charged yet nor lent: the free part of a call that has children.
    public var creditsHeld: Credits { status == .pending ? creditsKept : .zero }

    /// Of all that was ever held what was neither charged nor lent.
    public var creditsKept: Credits {
        creditsReserved - (creditsCharged ?? .zero) - creditsLent
    }

    /// Whether it is held and would lapse by the clock alone.
    public var mayLapse: Bool { status == .pending && commitAcceptedAt == nil }

    /// An overdue reservation *is* expired, whether or not the sweeper has come by.
    public func isOverdue(at now: Timestamp) -> Bool { mayLapse && expiresAt <= now }

    /// The status as a decision at `now` sees it.
    public func status(at now: Timestamp) -> Status { isOverdue(at: now) ? .expired : status }
}

/// Names the terms under which a hold was made: a catalog, by its number, and a plan.
public struct CatalogPin: Sendable, Hashable {
    public let revision: Int64
    public let planID: UUID

    public init(revision: Int64, planID: UUID) {
        self.revision = revision
        self.planID = planID
    }
}

/// What makes two validate requests the same request. Texts are compared byte by byte, as the
/// databases compare them; Swift's `==` on strings would join canonically equivalent ones.
public struct IdempotencyKey: Sendable, Hashable {
    public let userID: UUID
    public let requestID: String
    /// 64 lower-case hexadecimal digits.
    public let payloadHash: String
    /// Test calls are requests apart from the others.
    public var isTest: Bool

    public init(userID: UUID, requestID: String, payloadHash: String, isTest: Bool = false) {
        self.userID = userID
        self.requestID = requestID
        self.payloadHash = payloadHash
        self.isTest = isTest
    }

    public static func == (left: IdempotencyKey, right: IdempotencyKey) -> Bool {
        left.userID == right.userID && left.isTest == right.isTest
            && left.requestID.utf8.elementsEqual(right.requestID.utf8)
            && left.payloadHash.utf8.elementsEqual(right.payloadHash.utf8)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(userID)
        hasher.combine(requestID)
    }
}
