import HTTPEndpoint
import Ledger
import Metering

/// What may be decided on a call by key, on the wire: Career's words, and those of keys and
/// workspaces.
enum APIUsageDecision: String, CaseIterable, Sendable, NamedEnumeration {
    case reserved
    case replayed
    case workspaceFrozen = "workspace_frozen"
    case workspaceSuspended = "workspace_suspended"
    case noSubscription = "no_subscription"
    case subscriptionInactive = "subscription_inactive"
    case rateLimited = "rate_limited"
    case requestAlreadyFinished = "request_already_finished"
    case requestMismatch = "request_mismatch"
    case quotaExceeded = "quota_exceeded"
    case spendingLimitReached = "spending_limit_reached"
    case keyLimitReached = "key_limit_reached"
    case parentEnded = "parent_ended"
    case parentHoldExceeded = "parent_hold_exceeded"

    static let schemaName = "APIUsageDecision"

    init(_ code: ValidateUsage.Code) {
        self =
            switch code {
            case .reserved: .reserved
            case .replayed: .replayed
            case .noSubscription: .noSubscription
            case .subscriptionInactive: .subscriptionInactive
            case .rateLimited: .rateLimited
            case .requestAlreadyFinished: .requestAlreadyFinished
            case .requestMismatch: .requestMismatch
            case .quotaExceeded: .quotaExceeded
            case .spendingLimitReached: .spendingLimitReached
            case .parentEnded: .parentEnded
            case .parentHoldExceeded: .parentHoldExceeded
            }
    }
}

/// What may be decided on a hold of a call by key.
enum APIHoldDecision: String, CaseIterable, Sendable, NamedEnumeration {
    case extended
    case captured
    case canceled
    case alreadyEnded = "already_ended"
    case requestMismatch = "request_mismatch"
    case holdExceeded = "hold_exceeded"
    case workspaceFrozen = "workspace_frozen"
    case workspaceSuspended = "workspace_suspended"
    case subscriptionInactive = "subscription_inactive"
    case quotaExceeded = "quota_exceeded"
    case spendingLimitReached = "spending_limit_reached"
    case keyLimitReached = "key_limit_reached"
    case parentEnded = "parent_ended"
    case parentHoldExceeded = "parent_hold_exceeded"

    static let schemaName = "APIHoldDecision"

    init(_ code: HoldRefusal.Code) {
        self =
            switch code {
            case .extended: .extended
            case .captured: .captured
            case .canceled: .canceled
            case .alreadyEnded: .alreadyEnded
            case .requestMismatch: .requestMismatch
            case .holdExceeded: .holdExceeded
            case .subscriptionInactive: .subscriptionInactive
            case .quotaExceeded: .quotaExceeded
            case .spendingLimitReached: .spendingLimitReached
            case .parentEnded: .parentEnded
            case .parentHoldExceeded: .parentHoldExceeded
            }
    }
}

extension KeyOfCall.Barrier {
    var decision: APIUsageDecision {
        switch self {
        case .frozen: .workspaceFrozen
        case .suspended: .workspaceSuspended
        }
    }

    var holdDecision: APIHoldDecision {
        switch self {
        case .frozen: .workspaceFrozen
        case .suspended: .workspaceSuspended
        }
    }

    var told: ToldDenial {
        switch self {
        case .frozen:
            ToldDenial(402, "The workspace is frozen: its paid plan has ended.")
        case .suspended:
            ToldDenial(402, "The workspace is suspended; its owner may ask the operator why.")
        }
    }
}

extension KeyLimitRefusal {
    var told: ToldDenial {
        ToldDenial(
            429,
            "The key's own limit is reached: \(used.decimal) of \(limit.decimal) credits of the "
                + "period are used or held, needed \(needed.decimal).", retryAfter: retryAfter)
    }
}
