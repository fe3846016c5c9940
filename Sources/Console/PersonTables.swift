import Database
import FoundationEssentials
import HTTPEndpoint
import Identity
import Ledger
import LedgerStore
import Mail
import Operators
import PageFrame
import Values

/// The lists of what is kept of a person, each the newest first.
enum PersonTable: String, Sendable, CaseIterable {
    case calls
    case grants
    case changes
    case mails
    case sessions
    case acts

    /// - Parameter cursor: where the page before ended.
    func table(
        of user: UUID, before cursor: String?, limit: Int, _ console: ConsoleParts
    ) async throws -> ConsoleTable {
        let now = console.now
        let id = cursor.flatMap { UUID(uuidString: $0) }
        return try await console.database.read { connection in
            switch self {
            case .calls: try Self.calls(user, id, limit, connection, now)
            case .grants: try Self.grants(user, cursor, limit, connection)
            case .changes: try Self.changes(user, id, limit, connection)
            case .mails: try Self.mails(user, id, limit, connection)
            case .sessions: try Self.sessions(user, id, limit, connection, now)
            case .acts:
                JournalTable.table(
                    try JournalLine.page(before: id, user: user, limit: limit + 1, in: connection),
                    limit: limit)
            }
        }
    }

    private static func calls(
        _ user: UUID, _ id: UUID?, _ limit: Int, _ connection: any DatabaseConnection,
        _ now: Timestamp
    ) throws -> ConsoleTable {
        ConsoleTable(
            [
                .init("when"), .init("call"), .init("feature"), .init("state"),
                .init("held", isNumber: true), .init("charged", isNumber: true),
            ],
            try UsageLogRow.page(of: user, before: id, limit: Int64(limit) + 1, in: connection),
            limit: limit, cursor: { $0.id.text },
            row: { log in
                [
                    .time(log.createdAt),
                    .link(log.id.text, to: "/console/calls/\(log.id.text)"),
                    .text(log.featureKey), CallFacts.state(log, now),
                    .credits(log.creditsReserved), .credits(log.creditsCharged),
                ]
            })
    }

    private static func grants(
        _ user: UUID, _ cursor: String?, _ limit: Int, _ connection: any DatabaseConnection
    ) throws -> ConsoleTable {
        ConsoleTable(
            [
                .init("when"), .init("kind"), .init("credits", isNumber: true),
                .init("period", isNumber: true), .init("cause"), .init("reason"),
            ],
            try AccountHistory.latestGrants(
                of: user, before: cursor.flatMap(GrantCursor.key), limit: limit + 1,
                in: connection),
            limit: limit, cursor: GrantCursor.text,
            row: { grant in
                [
                    .time(grant.createdAt), .text(grant.kind.rawValue), .credits(grant.credits),
                    .number(grant.periodNumber), .code(grant.cause), .text(grant.reason),
                ]
            })
    }

    private static func changes(
        _ user: UUID, _ id: UUID?, _ limit: Int, _ connection: any DatabaseConnection
    ) throws -> ConsoleTable {
        ConsoleTable(
            [
                .init("when"), .init("event"), .init("status"), .init("subscription"),
                .init("reason"),
            ],
            try AccountHistory.latestChanges(
                of: user, before: id, limit: limit + 1, in: connection),
            limit: limit, cursor: { $0.id.text },
            row: { change in
                [
                    .time(change.at), .text(change.event),
                    .badge(change.status.rawValue, tone: "plain"),
                    .text(change.stripeSubscriptionID), .text(change.reason),
                ]
            })
    }

    private static func mails(
        _ user: UUID, _ id: UUID?, _ limit: Int, _ connection: any DatabaseConnection
    ) throws -> ConsoleTable {
        ConsoleTable(
            [.init("when"), .init("to"), .init("subject"), .init("sent")],
            try MailTable.page(of: user, before: id, limit: limit + 1, in: connection),
            limit: limit, cursor: { $0.id.text },
            row: { mail in
                [
                    .time(mail.createdAt), .text(mail.recipient), .text(mail.subject),
                    .time(mail.sentAt),
                ]
            })
    }

    private static func sessions(
        _ user: UUID, _ id: UUID?, _ limit: Int, _ connection: any DatabaseConnection,
        _ now: Timestamp
    ) throws -> ConsoleTable {
        ConsoleTable(
            [.init("since"), .init("device"), .init("until")],
            try ListSessions.select(
                of: user, current: nil, in: connection, now: now, before: id.map { .uuid($0) },
                limit: Int64(limit) + 1),
            limit: limit, cursor: { $0.id.text },
            row: { [.time($0.createdAt), .text($0.deviceInfo), .time($0.expiresAt)] })
    }
}

/// Where a page of grants ended, in an address: their order is of four columns.
enum GrantCursor {
    static func text(_ grant: CreditGrant) -> String {
        "\(grant.periodNumber).\(grant.createdAt.micros).\(grant.kind.rawValue).\(grant.cause)"
    }

    /// `nil` for what is no cursor: the first page.
    static func key(_ text: String) -> [SQLValue]? {
        let parts = text.split(separator: ".", maxSplits: 3)
        guard parts.count == 4, let number = Int64(parts[0]), let micros = Int64(parts[1]) else {
            return nil
        }
        return [
            .integer(number), .integer(micros), .text(String(parts[2])), .text(String(parts[3])),
        ]
    }
}

/// One of a person's lists as a page and as a file.
struct PersonTablePage: ConsolePage {
    let console: ConsoleParts

    static let about = AboutPage.console("people")

    struct Input: Sendable {
        let person: UUID?
        let table: PersonTable?
        let query: TableQuery
    }

    func read(_ input: inout InputReader) -> Input {
        Input(
            person: input.person,
            table: PersonTable(rawValue: input.path("table", .text(1...64), "Which list.")),
            query: TableQuery(&input))
    }

    func view(_ input: Input, _ desk: Desk) async throws -> PageView {
        guard let table = input.table else { throw Problem.notFound }
        let user = try await console.person(input.person)
        var entry = desk.entry(.readPerson)
        entry.userID = user.id
        try await console.operators.journal.note(entry)
        let place = PeoplePage.place(user.id)
        var whose = ConsoleSection("person.whose")
        whose.acts = [("person", place)]
        return try await page(
            "person." + table.rawValue, input.query, place + "/" + table.rawValue, desk,
            before: [whose]
        ) { limit in
            try await table.table(
                of: user.id, before: input.query.cursor, limit: limit, console)
        }
    }
}
