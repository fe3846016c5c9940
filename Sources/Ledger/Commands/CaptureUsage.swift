import FoundationEssentials
import Values

/// Charges a part of what is held now; the hold shrinks by it and the call goes on.
public struct CaptureUsage: LedgerCommand {
    /// What a part costs.
    public enum Part: Sendable, Hashable {
        case credits(Credits)
        /// What was measured since the part before.
        case metrics(UsageLog.Metrics)
    }

    public let userID: UUID
    public let usageID: UUID
    public let captureID: String
    public let part: Part

    public init(userID: UUID, usageID: UUID, captureID: String, part: Part) {
        self.userID = userID
        self.usageID = usageID
        self.captureID = captureID
        self.part = part
    }

    public typealias Outcome = HoldOutcome
    public var subject: LedgerSubject? { .id(usageID) }
    public var seesSubscription: Bool { false }
    public var step: HoldStep.Key? {
        HoldStep.Key(usageID: usageID, kind: .capture, name: captureID)
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        switch OpenHold.find(position, of: userID, request: request, at: now) {
        case .failure(let settled): return settled.decision
        case .success(let hold): return capture(hold, rules, at: now)
        }
    }

    private func capture(
        _ hold: OpenHold, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        var (log, account) = (hold.log, hold.account)
        var credits: Credits
        switch part {
        case .credits(let named): credits = named
        case .metrics(let metrics):
            guard rules.terms(of: log)?.feature.tokenPrices.isEmpty == false else {
                return Decision(.notPriced, account: account)
            }
            switch rules.charge(for: metrics, of: log) {
            case .rest: credits = log.creditsHeld
            case .credits(let price): credits = price
            case .outOfBounds: return Decision(.priceOutOfBounds, account: account)
            }
            log.metrics.add(metrics)
        }
        // A part of a test call costs nothing, whatever it says.
        if log.key.isTest { credits = .zero }
        guard credits <= log.creditsHeld else {
            return Decision(.refused(.holdExceeded, HoldState(hold.log, at: now)), account: account)
        }
        account.context.decidedAt = now
        account.charge(credits, of: &log)
        let state = HoldState(log, at: now)
        var decision = Decision<Outcome>(
            .done(
                state, isReplay: false,
                alert: CreditAlert(from: hold.account.context, to: account.context)),
            account: account)
        decision.logs = [log]
        decision.steps = [
            HoldStep(
                key: HoldStep.Key(usageID: usageID, kind: .capture, name: captureID),
                userID: userID, request: request, at: now, credits: credits, state: state)
        ]
        return decision
    }

    public static func outcome(
        _ outcome: Outcome, telling news: ChargeNews, of context: CareerSubscriptionContext
    ) -> Outcome { outcome.telling(news, of: context) }

    /// The body in one spelling.
    private var request: String {
        switch part {
        case .credits(let credits): return "credits \(credits.micros)"
        case .metrics(let metrics):
            let counts = [
                metrics.inputTokens, metrics.cachedInputTokens, metrics.outputTokens,
                metrics.reasoningTokens, metrics.latencyMilliseconds,
            ]
            return counts.map { $0.map(String.init) ?? "-" }.joined(separator: " ")
                + " \(metrics.modelUsed ?? "")"
        }
    }
}
