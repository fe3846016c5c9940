/// How metrics name an operation and what was decided on it: few, stable, and free of anything that
/// belongs to a user.
public struct DecisionName: Sendable, Hashable {
    public let operation: String
    public let code: String

    public init(_ operation: String, _ code: String) {
        self.operation = operation
        self.code = code
    }
}

extension LedgerCommand {
    /// Commands that nobody watches by their outcome share one name.
    public static func name(of outcome: Outcome) -> DecisionName { DecisionName("other", "done") }
}

extension ValidateUsage {
    public static func name(of outcome: Outcome) -> DecisionName {
        DecisionName("validate", code(of: outcome))
    }

    /// The codes of the wire, and those of what is refused before a decision has one.
    private static func code(of outcome: Outcome) -> String {
        switch outcome {
        case .unknownUser: "unknown_user"
        case .deactivatedUser: "deactivated_user"
        case .unknownFeature: "unknown_feature"
        case .unknownParent: "unknown_parent"
        case .holdTooLong: "hold_too_long"
        case .priceOutOfBounds: "price_out_of_bounds"
        case .granted(let grant, _): grant.code.rawValue
        case .denied(let denial, _): denial.code.rawValue
        }
    }
}

extension CommitUsage {
    public static func name(of outcome: Outcome) -> DecisionName {
        DecisionName("commit", code(of: outcome))
    }

    static func code(of outcome: Outcome) -> String {
        switch outcome {
        case .unknownUsage: "unknown_usage"
        case .notTheirs: "usage_of_another_user"
        case .refused: "already_ended"
        case .priceOutOfBounds: "price_out_of_bounds"
        case .applied(_, _, isReplay: true, _, _, _): "replayed"
        case .applied(.success, _, _, _, _, isLate: true): "late_success"
        case .applied(.success, _, _, _, _, _): "success"
        case .applied: "failed"
        }
    }
}

extension RecordUsage {
    public static func name(of outcome: Outcome) -> DecisionName {
        let code =
            switch outcome {
            case .unknownUser: "unknown_user"
            case .unknownFeature: "unknown_feature"
            case .noSubscription: "no_subscription"
            case .priceOutOfBounds: "price_out_of_bounds"
            case .notOfThisDay: "not_of_this_day"
            case .requestMismatch: "request_mismatch"
            case .told(_, let outcome): CommitUsage.code(of: outcome)
            }
        return DecisionName("record", code)
    }
}

extension AcceptCommit {
    public static func name(of outcome: Outcome) -> DecisionName {
        switch outcome {
        case .accepted: DecisionName("accept_commit", "accepted")
        case .settled(let commit): DecisionName("accept_commit", CommitUsage.code(of: commit))
        }
    }
}

extension ExtendHold {
    public static func name(of outcome: Outcome) -> DecisionName {
        DecisionName("extend", outcome.name(as: .extended))
    }
}

extension CaptureUsage {
    public static func name(of outcome: Outcome) -> DecisionName {
        DecisionName("capture", outcome.name(as: .captured))
    }
}

extension CancelUsage {
    public static func name(of outcome: Outcome) -> DecisionName {
        DecisionName("cancel", outcome.name(as: .canceled))
    }
}

extension HoldOutcome {
    fileprivate func name(as done: HoldRefusal.Code) -> String {
        switch self {
        case .unknownUsage: "unknown_usage"
        case .notTheirs: "usage_of_another_user"
        case .deactivatedUser: "deactivated_user"
        case .holdTooLong: "hold_too_long"
        case .priceOutOfBounds: "price_out_of_bounds"
        case .notPriced: "not_priced"
        case .done(_, isReplay: true, _): "replayed"
        case .done: done.rawValue
        case .refused(let refusal, _): refusal.code.rawValue
        }
    }
}

extension SettleAccount {
    public static func name(of outcome: Outcome) -> DecisionName { DecisionName("settle", "done") }
}

extension ApplyBilling {
    public static func name(of outcome: Outcome) -> DecisionName {
        switch outcome {
        case .outOfDate: DecisionName("apply_billing", "out_of_date")
        case .noAccount: DecisionName("apply_billing", "no_account")
        case .otherSubscription: DecisionName("apply_billing", "other_subscription")
        case .notTheirs: DecisionName("apply_billing", "not_theirs")
        case .applied: DecisionName("apply_billing", "applied")
        }
    }
}

extension SettleTopUp {
    public static func name(of outcome: Outcome) -> DecisionName {
        switch outcome {
        case .outOfDate: DecisionName("settle_top_up", "out_of_date")
        case .noAccount: DecisionName("settle_top_up", "no_account")
        case .applied(let change):
            DecisionName("settle_top_up", change.isNew ? "granted" : "applied")
        }
    }
}
