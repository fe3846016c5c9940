import Billing
import Database
import FoundationEssentials
import HTTPEndpoint
import LedgerStore
import Operators
import PageFrame
import Users
import Values
import Webhooks

/// Whose payment is open; what else is to be looked after is one link away.
struct MoneyPage: TablePage {
    let console: ConsoleParts

    static let about = AboutPage.console("money")

    func view(_ query: TableQuery, _ desk: Desk) async throws -> PageView {
        let catalog = try await console.career.currentCatalog()
        var more = ConsoleSection("money.more")
        more.acts = [
            ("notices", "/console/money/notices"), ("returned", "/console/money/returned"),
        ]
        if desk.role.may(.reconcile) {
            more.acts.append(("reconcile", "/console/money/reconcile"))
        }
        more.table = try await ResultTable.table(.reconcile, console)
        return try await page(
            "money", query, "/console/money", desk, before: query.cursor == nil ? [more] : []
        ) { limit in
            let id = query.id
            let (unpaid, emails) = try await console.database.read { connection in
                let unpaid = try Standings.unpaid(after: id, limit: limit + 1, in: connection)
                return (unpaid, try UserRow.emails(of: unpaid.map(\.userID), in: connection))
            }
            return ConsoleTable(
                [.init("person"), .init("plan"), .init("status"), .init("until")], unpaid,
                limit: limit, cursor: { $0.userID.text },
                row: { one in
                    [
                        .link(
                            emails[one.userID] ?? one.userID.text,
                            to: PeoplePage.place(one.userID)),
                        .text(catalog.plan(one.planID)?.name),
                        .badge(one.status.rawValue, tone: "warn"), .time(one.periodEnd),
                    ]
                })
        }
    }
}

/// Disputes, subscriptions that are there twice, and whatever else somebody has to look after.
struct NoticesPage: TablePage {
    let console: ConsoleParts

    static let about = AboutPage.console("money")

    func view(_ query: TableQuery, _ desk: Desk) async throws -> PageView {
        try await page("notices", query, "/console/money/notices", desk) { limit in
            let id = query.id
            let notices = try await console.database.read {
                try MoneyReading.notices(before: id, limit: limit + 1, in: $0)
            }
            return ConsoleTable(
                [.init("when"), .init("kind"), .init("text")], notices, limit: limit,
                cursor: { $0.id.text },
                row: { [.time($0.createdAt), .text($0.kind), .text($0.text)] })
        }
    }
}

/// Invoices whose money went back.
struct ReturnedPage: TablePage {
    let console: ConsoleParts

    static let about = AboutPage.console("money")

    func view(_ query: TableQuery, _ desk: Desk) async throws -> PageView {
        try await page("returned", query, "/console/money/returned", desk) { limit in
            let key = query.textKey
            let returned = try await console.database.read {
                try MoneyReading.returned(before: key, limit: limit + 1, in: $0)
            }
            return ConsoleTable(
                [.init("when"), .init("invoice"), .init("reason")], returned, limit: limit,
                cursor: { TableQuery.cursor($0.at, $0.invoiceID) },
                row: { [.time($0.at), .code($0.invoiceID), .text($0.reason)] })
        }
    }
}

/// What Stripe has told, in the order in which it came, and whose it was.
struct WebhooksPage: TablePage {
    let console: ConsoleParts

    static let about = AboutPage.console("webhooks")

    func view(_ query: TableQuery, _ desk: Desk) async throws -> PageView {
        try await page("webhooks", query, "/console/webhooks", desk) { limit in
            let key = query.textKey
            let (events, users) = try await console.database.read { connection in
                let events = try ReceivedEvent.page(
                    before: key, limit: limit + 1, in: connection)
                var users: [String: UUID] = [:]
                for id in Set(events.compactMap(\.objectID)) {
                    users[id] = try AccountSearch.user(ofStripeID: id, in: connection)
                }
                return (events, users)
            }
            return ConsoleTable(
                [
                    .init("received"), .init("event"), .init("id"), .init("object"),
                    .init("person"), .init("made"),
                ], events, limit: limit, cursor: { TableQuery.cursor($0.receivedAt, $0.id) },
                row: { event in
                    [
                        .time(event.receivedAt), .text(event.type), .code(event.id),
                        .text(event.objectID),
                        event.objectID.flatMap { users[$0] }.map {
                            .link($0.text, to: PeoplePage.place($0))
                        } ?? .text(nil),
                        .time(event.createdAt),
                    ]
                })
        }
    }
}

/// Compares every account with Stripe and mends what differs, while nobody waits.
struct ReconcilePage: BackgroundActPage {
    let console: ConsoleParts

    static let about = AboutPage.console("money", "console_act")
    static let act = OperatorAct.reconcile
    static let name = "reconcile"

    func places(_ input: Void) -> (action: String, back: String) {
        ("/console/money/reconcile", "/console/money")
    }

    func carryOut(
        _ form: PlainActForm, _ input: Void, _ desk: Desk, line: UUID
    ) async throws -> Submitted {
        let reconciliation = console.reconciliation
        try await console.background.begin(.reconcile, line, console.operators.journal) {
            let report = try await reconciliation.run(repair: true)
            return ResultTable.text(
                "\(report.checked) accounts, \(report.differences.count) differences, "
                    + "\(report.remaining.count) remain", report.differences)
        }
        return Submitted("/console/money", notice: "console_begun")
    }
}
