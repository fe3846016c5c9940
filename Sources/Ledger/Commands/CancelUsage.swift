import FoundationEssentials
import Values

/// The kill switch: the call ends as FAILED, what it holds is given back, and nothing makes it end
/// otherwise. What was charged in parts stays charged.
public struct CancelUsage: LedgerCommand {
    /// What a canceled call failed of.
    static let failure = UsageLog.Failure(type: .canceled, reason: "The call was canceled.")

    public let userID: UUID
    public let usageID: UUID

    public init(userID: UUID, usageID: UUID) {
        self.userID = userID
        self.usageID = usageID
    }

    public typealias Outcome = HoldOutcome
    public var subject: LedgerSubject? { .id(usageID) }
    public var seesSubscription: Bool { false }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        switch OpenHold.find(position, of: userID, request: nil, at: now) {
        case .failure(let settled):
            // What has failed, or is to, is as good as canceled.
            guard case .refused(.alreadyEnded, let state) = settled.decision.outcome,
                state.status == .failed
            else { return settled.decision }
            return Decision(.done(state, isReplay: true), account: position.account)
        case .success(let hold):
            var (log, account) = (hold.log, hold.account)
            account.context.decidedAt = now
            account.release(&log, at: now)
            log.status = .failed
            log.committedAt = now
            log.failure = Self.failure
            var decision = Decision<Outcome>(
                .done(HoldState(log, at: now), isReplay: false), account: account)
            decision.logs = [log]
            return decision
        }
    }
}
