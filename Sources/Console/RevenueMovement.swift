import Ledger
import LedgerStore
import PageFrame
import Values

/// How what comes in a month moved, and how many trials became paid: out of the histories of
/// subscriptions, at the prices of today.
struct RevenueMovement: Sendable {
    /// How far back it looks.
    static let seconds: Int64 = 30 * 86_400

    enum Kind: String, Sendable, CaseIterable {
        case begun
        case raised
        case lowered
        case ended

        var tone: String { self == .begun || self == .raised ? "good" : "plain" }
    }

    struct Sum: Sendable {
        var subscriptions: Int64 = 0
        /// A month's difference in the minor unit of each currency.
        var monthly: [Currency: Int64] = [:]
    }

    private(set) var sums: [Kind: Sum] = [:]
    /// Trials that ended, and those of them that are paid for.
    private(set) var trialsEnded: Int64 = 0
    private(set) var trialsPaid: Int64 = 0
    let since: Timestamp

    init(_ movement: PlanMovement, _ catalog: Catalog) {
        since = movement.since
        for step in movement.steps { add(step, catalog) }
    }

    private mutating func add(_ step: PlanMovement.Step, _ catalog: Catalog) {
        if step.from?.status == .trialing, step.to.status != .trialing {
            trialsEnded += step.count
            if step.to.status == .active && step.to.isLinked { trialsPaid += step.count }
        }
        let (before, after) = (Self.monthly(step.from, catalog), Self.monthly(step.to, catalog))
        let kind: Kind
        switch (before, after) {
        case (nil, nil): return
        case (nil, _?): kind = .begun
        case (_?, nil): kind = .ended
        case (let before?, let after?):
            guard before != after else { return }
            kind =
                before.currency == after.currency && after.amount < before.amount
                ? .lowered : .raised
        }
        var sum = sums[kind] ?? Sum()
        sum.subscriptions += step.count
        if let before { sum.monthly[before.currency, default: 0] -= before.amount * step.count }
        if let after { sum.monthly[after.currency, default: 0] += after.amount * step.count }
        sums[kind] = sum
    }

    /// What it brings in a month, of a year's price a twelfth; `nil` if it brings nothing.
    static func monthly(_ standing: PlanMovement.Standing?, _ catalog: Catalog) -> Money? {
        guard let standing, standing.isLinked, standing.status == .active,
            let plan = catalog.plan(standing.planID), plan.price.amount > 0
        else { return nil }
        return Money(amount: plan.monthly(of: 1), currency: plan.price.currency)
    }

    var total: [Currency: Int64] {
        sums.values.reduce(into: [:]) { all, sum in
            for (currency, amount) in sum.monthly { all[currency, default: 0] += amount }
        }
    }

    func section(_ words: Words, now: Timestamp) -> ConsoleSection {
        var section = ConsoleSection("overview.movement")
        section.text = words.html(
            "console.overview.movement.text",
            ["when_html": Spoken(words: words).instant(since, now: now)])
        section.facts = [
            ("trials", "\(trialsPaid) / \(trialsEnded)"), ("movement", Self.spoken(total)),
        ]
        section.table = ConsoleTable(
            [
                .init("movement"), .init("users", isNumber: true),
                .init("monthly", isNumber: true),
            ],
            Kind.allCases.map { kind in
                let sum = sums[kind] ?? Sum()
                return [
                    .badge("movement_\(kind.rawValue)", tone: kind.tone),
                    .number(sum.subscriptions), .text(Self.spoken(sum.monthly)),
                ]
            }
        ).values(words, now: now)
        return section
    }

    private static func spoken(_ amounts: [Currency: Int64]) -> String {
        let parts = amounts.filter { $0.value != 0 }.sorted { $0.key.code < $1.key.code }
            .compactMap { currency, amount in
                Money(amount: amount, currency: currency).map {
                    (amount > 0 ? "+" : "") + $0.spoken
                }
            }
        return parts.isEmpty ? "–" : parts.joined(separator: ", ")
    }
}
