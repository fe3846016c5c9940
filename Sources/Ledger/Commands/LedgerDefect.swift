import FoundationEssentials
import Values

/// A decision that would break an invariant of the ledger: a defect of this program. Nothing of the
/// decision is kept, and the batch's other commands are decided on as if it had not been there.
public struct LedgerDefect: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
}

/// The invariants, asked of each decision before it is kept: it is about its own account alone,
/// nothing is negative, a log leaves PENDING once, and the counters are the sums of the logs and
/// lines (docs/reference/rules.md, invariants 1 to 5).
struct DecisionCheck {
    let userID: UUID
    /// As the account stood before the decision; `nil` if there was none.
    let before: Account?
    /// The logs of the decision as they were; without an entry for a new one.
    let known: [UUID: UsageLog]

    func judge<Outcome>(_ decision: Decision<Outcome>) throws(LedgerDefect) {
        guard let account = decision.account else {
            try expect(
                decision.logs.isEmpty && decision.grants.isEmpty, "it writes without an account")
            return
        }
        try expect(
            account.subscription.userID == userID
                && decision.logs.allSatisfy { $0.key.userID == userID }
                && decision.grants.allSatisfy { $0.userID == userID },
            "it writes what is another account's")
        try expect(
            account.subscription.isWhole || account.subscription == before?.subscription,
            "it changes a subscription of which it has not seen all")
        let context = account.context
        try expect(
            min(context.allocated, context.used, context.reserved, context.owed) >= .zero,
            "a counter of the account would be negative")
        try expect(
            context.brakes.map { $0.spending.held >= context.reserved } ?? true,
            "less would count as held than the running period holds")
        for log in decision.logs { try judge(log) }
        try judgeFamilies(decision)
        try expect(
            decision.steps.allSatisfy { step in
                step.userID == userID && decision.logs.contains { $0.id == step.key.usageID }
            }, "it notes what was not done to a hold")
        try judgeSums(decision, context)
        if !account.grants.isEmpty || decision.logs.contains(where: { !$0.draws.isEmpty }) {
            try judgeGrants(decision, account)
        }
    }

    /// A log leaves PENDING once, or EXPIRED by a late commit; of what was held no more is charged
    /// than there was, and what is charged stays.
    private func judge(_ log: UsageLog) throws(LedgerDefect) {
        let was = known[log.id]
        let isLate = was?.status == .expired && log.status == .success && log.isLate
        try expect(
            was.map { $0.status == .pending } ?? true || isLate, "a log would leave PENDING twice")
        let charged = log.creditsCharged ?? .zero
        try expect(
            charged >= was?.creditsCharged ?? .zero && log.creditsKept >= .zero
                && log.creditsLent >= .zero && log.creditsReserved >= was?.creditsReserved ?? .zero
                && log.creditsNotCharged >= .zero,
            "a log would be charged beyond what it held, or less than before")
    }

    /// What a running call has lent moves by what its children take of it and give back to it; once
    /// it has ended, nothing moves it.
    private func judgeFamilies<Outcome>(_ decision: Decision<Outcome>) throws(LedgerDefect) {
        var moved: [UUID: Credits] = [:]
        for log in decision.logs {
            let was = known[log.id]
            if let parent = log.parentID {
                moved[parent, default: .zero] +=
                    log.creditsOfParent - (was?.creditsOfParent ?? .zero)
            }
            guard log.creditsLent != was?.creditsLent ?? .zero else { continue }
            try expect(
                was?.status == .pending, "a call would lend, or be given back to, after its end")
            moved[log.id, default: .zero] += .zero
        }
        for (id, credits) in moved {
            guard let was = known[id] else {
                try expect(credits == .zero, "a call would give back past its parent")
                continue
            }
            let log = decision.logs.first { $0.id == id } ?? was
            guard log.status == .pending else { continue }
            try expect(
                log.creditsLent - was.creditsLent == credits,
                "what a call has lent would not be what its children took")
        }
    }

    /// A counter moves by what the period's logs and lines move, from zero in a new period.
    private func judgeSums<Outcome>(
        _ decision: Decision<Outcome>, _ context: CareerSubscriptionContext
    ) throws(LedgerDefect) {
        let period = context.period.number
        let old = before?.context
        let isSame = old?.period.number == period
        var used = isSame ? old?.used ?? .zero : .zero
        var reserved = isSame ? old?.reserved ?? .zero : .zero
        var allocated = isSame ? old?.allocated ?? .zero : .zero
        for log in decision.logs {
            let was = known[log.id]
            used += log.charged(ofPool: period) - (was?.charged(ofPool: period) ?? .zero)
            reserved += log.held(ofPool: period) - (was?.held(ofPool: period) ?? .zero)
        }
        for grant in decision.grants where grant.periodNumber == period {
            allocated += grant.credits
        }
        try expect(used == context.used, "credits_used would not be the sum of the charges")
        try expect(
            reserved == context.reserved, "credits_reserved would not be the sum of what is held")
        try expect(
            allocated == context.allocated, "credits_allocated would not be the sum of the lines")
    }

    /// Each grant beside the pool is conserved, and moves by what the logs draw of it.
    private func judgeGrants<Outcome>(
        _ decision: Decision<Outcome>, _ account: Account
    ) throws(LedgerDefect) {
        var held: [UUID: Credits] = [:]
        var captured: [UUID: Credits] = [:]
        for log in decision.logs where !log.draws.isEmpty {
            try expect(
                log.draws.reduce(.zero) { $0 + $1.held } == log.creditsHeld
                    && log.draws.reduce(.zero) { $0 + $1.captured }
                        == log.creditsCharged ?? .zero,
                "a log's draws are not what it holds and was charged")
            for (sign, draws) in [(true, log.draws), (false, known[log.id]?.draws ?? [])] {
                for draw in draws {
                    guard case .grant(let id) = draw.source else { continue }
                    held[id, default: .zero] += sign ? draw.held : -draw.held
                    captured[id, default: .zero] += sign ? draw.captured : -draw.captured
                }
            }
        }
        let old = before?.grants ?? []
        let touched = Set(held.keys).union(captured.keys).filter { id in
            (held[id] ?? .zero) != .zero || (captured[id] ?? .zero) != .zero
        }
        try expect(
            touched.isSubset(of: account.grants.map(\.id)),
            "a log draws on a grant that the account has not")
        for grant in account.grants {
            let was = old.first { $0.id == grant.id }
            try expect(
                grant.isConserved && grant.userID == userID, "a grant is not conserved")
            try expect(
                grant.held == (was?.held ?? .zero) + (held[grant.id] ?? .zero)
                    && grant.captured == (was?.captured ?? .zero) + (captured[grant.id] ?? .zero),
                "a grant would not be drawn on by what logs draw")
        }
    }

    private func expect(
        _ isSound: Bool, _ problem: @autoclosure () -> String
    ) throws(LedgerDefect) {
        guard !isSound else { return }
        throw LedgerDefect(description: "account \(userID.text): \(problem())")
    }
}
