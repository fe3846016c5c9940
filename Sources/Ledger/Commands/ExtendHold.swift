import FoundationEssentials
import Values

/// Prolongs a hold, raises it, or both: all or nothing. A raise is judged as a new call is, by the
/// subscription, the quota and the user's own limits, but never by its rate; that of a child is
/// taken out of its parent's hold. Time alone is judged by the log.
public struct ExtendHold: LedgerCommand {
    /// What is added to what is held.
    public enum Raise: Sendable, Hashable {
        case by(Credits)
        /// Up to what a call of these announced tokens holds.
        case to(AnnouncedUsage)
    }

    public let userID: UUID
    public let usageID: UUID
    public let extensionID: String
    /// Counted from the decision; the hold never ends earlier than it would have.
    public let holdSeconds: Int64?
    public let raise: Raise?

    public init(
        userID: UUID, usageID: UUID, extensionID: String, holdSeconds: Int64?, raise: Raise?
    ) {
        self.userID = userID
        self.usageID = usageID
        self.extensionID = extensionID
        self.holdSeconds = holdSeconds
        self.raise = raise
    }

    public typealias Outcome = HoldOutcome
    public var subject: LedgerSubject? { .id(usageID) }
    public var seesSubscription: Bool { false }
    public var step: HoldStep.Key? {
        HoldStep.Key(usageID: usageID, kind: .extend, name: extensionID)
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        switch OpenHold.find(position, of: userID, request: request, at: now) {
        case .failure(let settled): return settled.decision
        case .success(let hold): return extend(hold, position, rules, at: now)
        }
    }

    private func extend(
        _ hold: OpenHold, _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        var (log, account) = (hold.log, hold.account)
        let maximum = rules.maximumHold(of: log)
        if let holdSeconds, holdSeconds > maximum {
            return Decision(.holdTooLong(maximum: maximum), account: account)
        }
        var decision = Decision<Outcome>(.unknownUsage, account: nil)
        var raised = Credits.zero
        if let raise {
            guard position.user == .active else {
                return Decision(.deactivatedUser, account: account)
            }
            guard let credits = log.key.isTest ? .zero : credits(raise, log, rules) else {
                return Decision(.priceOutOfBounds, account: account)
            }
            decision.logs = position.overdue.map { account.expire($0) }
            decision.grants = account.startPeriodIfDue(rules, at: now)
            if let refusal = refusal(of: credits, log, account, rules, position, at: now) {
                if !decision.grants.isEmpty { account.context.decidedAt = now }
                decision.outcome = .refused(refusal, HoldState(log, at: now))
                decision.account = account
                return decision
            }
            raised = credits
        }
        account.context.decidedAt = now
        account.take(raised, for: &log, at: now, grace: rules.pastDueGrace)
        log.creditsReserved += raised
        if let holdSeconds {
            log.expiresAt = max(log.expiresAt, now.adding(seconds: holdSeconds))
        }
        let state = HoldState(log, at: now)
        decision.outcome = .done(state, isReplay: false)
        decision.account = account
        decision.logs.append(log)
        decision.steps = [
            HoldStep(
                key: HoldStep.Key(usageID: usageID, kind: .extend, name: extensionID),
                userID: userID, request: request, at: now, credits: raised, state: state)
        ]
        return decision
    }

    /// What the raise adds; `nil` beyond what an amount may be.
    private func credits(_ raise: Raise, _ log: UsageLog, _ rules: LedgerRules) -> Credits? {
        switch raise {
        case .by(let credits): return credits
        case .to(let announced):
            guard let terms = rules.terms(of: log), terms.isHeldByEstimate else { return .zero }
            let call = AnnouncedUsage(
                model: announced.model ?? log.call.model, inputTokens: announced.inputTokens,
                inputChars: announced.inputChars, maxOutputTokens: announced.maxOutputTokens)
            return terms.held(for: call).map { max(.zero, $0 - log.creditsReserved) }
        }
    }

    private func refusal(
        of credits: Credits, _ log: UsageLog, _ account: Account, _ rules: LedgerRules,
        _ position: Position, at now: Timestamp
    ) -> HoldRefusal? {
        guard account.isEntitled(at: now, grace: rules.pastDueGrace) else {
            return .subscriptionInactive
        }
        // What adds nothing spends nothing.
        guard credits > .zero else { return nil }
        guard log.parentID == nil else {
            return account.refusal(of: credits, outOfParentOf: log, at: now)
        }
        let context = account.context
        guard credits > account.available(at: now, grace: rules.pastDueGrace) else {
            return context.spendingRefusal(
                of: credits, freed: account.freed, at: now, clock: position.clock
            ).map { .spendingLimitReached($0) }
        }
        return .quotaExceeded(
            used: context.used + context.reserved,
            limit: context.allocated + account.availableOfGrants(at: now), needed: credits,
            retryAfter: position.clock.secondsRoundedUp(
                until: rules.quotaReturns(to: account, at: now)))
    }

    /// The body in one spelling.
    private var request: String {
        let raise: String =
            switch raise {
            case .by(let credits): "credits \(credits.micros)"
            case .to(let usage):
                [usage.inputTokens, usage.inputChars, usage.maxOutputTokens]
                    .map { $0.map(String.init) ?? "-" }.joined(separator: " ")
                    + " \(usage.model ?? "")"
            case nil: "-"
            }
        return "\(holdSeconds.map(String.init) ?? "-") \(raise)"
    }
}
