import Database
import HTTPEndpoint
import Ledger
import LedgerStore
import Operators
import PageFrame
import Values

/// How things stand, at a glance: bounded questions alone, each number leads to its rows.
struct OverviewPage: ConsolePage {
    let console: ConsoleParts

    static let about = AboutPage.console("overview")

    func read(_ input: inout InputReader) {}

    func view(_ input: Void, _ desk: Desk) async throws -> PageView {
        let catalog = try await console.career.currentCatalog()
        let now = console.now
        let since = now.adding(seconds: -RevenueMovement.seconds)
        let (counts, latest, movement, refusals) = try await console.database.read { connection in
            (
                try Standings.counts(in: connection), try Standings.latest(in: connection),
                try PlanMovement.read(since: since, in: connection),
                try RefusalsSummary.read(since: since, in: connection)
            )
        }
        var usage = ConsoleSection("overview.usage")
        usage.text = latest.since.map {
            words.html(
                "console.overview.latest",
                [
                    "count": String(latest.features.reduce(0) { $0 + $1.calls }),
                    "when_html": Spoken(words: words).instant($0, now: now),
                ])
        }
        usage.table = ConsoleTable(
            [
                .init("feature"), .init("calls", isNumber: true),
                .init("succeeded", isNumber: true), .init("failed", isNumber: true),
                .init("charged", isNumber: true),
            ],
            latest.features.map {
                [
                    .text($0.featureKey), .number($0.calls), .number($0.succeeded),
                    .number($0.failed), .credits($0.charged),
                ]
            }
        ).values(words, now: now)
        var queues = ConsoleSection("queues")
        queues.table = try await QueueTable.table(console).values(words, now: now)
        queues.acts = [("letters", "/console/letters")]
        return page(
            words.html("console.overview"),
            [
                money(counts, catalog),
                RevenueMovement(movement, catalog).section(words, now: now),
                plans(counts, catalog), usage, self.refusals(refusals, catalog), queues,
                await you(desk),
            ])
    }

    /// Who was refused for want of credits, and went to a higher plan within a week.
    private func refusals(_ summary: RefusalsSummary, _ catalog: Catalog) -> ConsoleSection {
        let upgraded = summary.upgraded { from, to in
            guard let from = catalog.plan(from), let to = catalog.plan(to) else { return false }
            return from.rank < to.rank
        }
        let features = Set(summary.refused.keys).union(upgraded.keys)
            .sorted { (summary.refused[$1] ?? 0, $0) < (summary.refused[$0] ?? 0, $1) }
        var section = ConsoleSection("overview.refusals")
        section.text = words.html("console.overview.refusals.text")
        section.table = ConsoleTable(
            [
                .init("feature"), .init("refused", isNumber: true),
                .init("upgraded", isNumber: true),
            ],
            features.map {
                [.text($0), .number(summary.refused[$0] ?? 0), .number(upgraded[$0] ?? 0)]
            }
        ).values(words, now: console.now)
        return section
    }

    private func money(_ counts: [Standings.Count], _ catalog: Catalog) -> ConsoleSection {
        var monthly: [Currency: Int64] = [:]
        for count in counts where count.isLinked && count.status == .active {
            guard let plan = catalog.plan(count.planID) else { continue }
            monthly[plan.price.currency, default: 0] += plan.monthly(of: count.users)
        }
        let revenue = monthly.sorted { $0.key.code < $1.key.code }.compactMap {
            Money(amount: $0.value, currency: $0.key)?.spoken
        }
        func users(_ statuses: Set<Subscription.Status>) -> String {
            String(counts.filter { statuses.contains($0.status) }.reduce(0) { $0 + $1.users })
        }
        var section = ConsoleSection("overview.money")
        section.facts = [
            ("revenue", revenue.isEmpty ? "–" : revenue.joined(separator: ", ").escapedForHTML),
            ("trialing", users([.trialing])),
            ("unpaid", users([.pastDue, .unpaid, .incomplete])),
        ]
        section.acts = [("money", "/console/money")]
        return section
    }

    private func plans(_ counts: [Standings.Count], _ catalog: Catalog) -> ConsoleSection {
        var section = ConsoleSection("overview.plans")
        let sorted = counts.sorted {
            let (one, other) = (catalog.plan($0.planID)?.rank, catalog.plan($1.planID)?.rank)
            return (one ?? 0, $0.status.rawValue) < (other ?? 0, $1.status.rawValue)
        }
        section.table = ConsoleTable(
            [.init("plan"), .init("status"), .init("users", isNumber: true)],
            sorted.map {
                [
                    .text(catalog.plan($0.planID)?.name), .badge($0.status.rawValue, tone: "plain"),
                    .number($0.users),
                ]
            }
        ).values(words, now: console.now)
        return section
    }

    private func you(_ desk: Desk) async -> ConsoleSection {
        let spoken = Spoken(words: words)
        var section = ConsoleSection("you")
        section.facts = [
            ("operator", desk.session.email.escapedForHTML),
            ("role", words.html("role.\(desk.role.rawValue)")),
            ("session_ends", spoken.instant(desk.session.expiresAt, now: console.now)),
            ("now", spoken.instant(console.now, now: console.now)),
            ("broker", words.html(await isBrokerUp() ? "console.up" : "console.down")),
        ]
        if console.commands.advance != nil && desk.role.may(.moveClock) {
            section.acts = [("clock", "/console/clock")]
        }
        return section
    }

    /// What a broker that is away says to a look is that it is away.
    private func isBrokerUp() async -> Bool {
        do {
            try await console.broker.check()
            return true
        } catch {
            return false
        }
    }
}
