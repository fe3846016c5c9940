import Foundation
import HTTPEndpoint
import Operators
import PageFrame

/// Who the operators are, and what they did: the newest first.
struct ActsPage: TablePage {
    let console: ConsoleParts

    static let about = AboutPage.console("acts")

    func view(_ query: TableQuery, _ desk: Desk) async throws -> PageView {
        var list = ConsoleSection("operators")
        list.table = try await OperatorsPage.table(console).values(words, now: console.now)
        list.acts = [("operators", "/console/operators")]
        return try await page(
            "acts", query, "/console/acts", desk, before: query.cursor == nil ? [list] : []
        ) { limit in try await table(limit, query) }
    }

    private func table(_ limit: Int, _ query: TableQuery) async throws -> ConsoleTable {
        let before = query.id
        let lines = try await console.operators.database.read { connection in
            try JournalLine.page(before: before, limit: limit + 1, in: connection)
        }
        return JournalTable.table(lines, limit: limit)
    }
}

/// Who the operators are.
struct OperatorsPage: TablePage {
    let console: ConsoleParts

    static let about = AboutPage.console("acts")

    func view(_ query: TableQuery, _ desk: Desk) async throws -> PageView {
        try await page("operators", query, "/console/operators", desk) { _ in
            try await Self.table(console)
        }
    }

    static func table(_ console: ConsoleParts) async throws -> ConsoleTable {
        ConsoleTable(
            [.init("operator"), .init("role"), .init("since")],
            try await console.operators.list().map {
                [.text($0.email), .badge($0.role.rawValue, tone: "plain"), .time($0.createdAt)]
            })
    }
}

/// Lines of the journal, wherever they are shown.
enum JournalTable {
    static func table(_ lines: [JournalLine], limit: Int) -> ConsoleTable {
        ConsoleTable(
            [
                .init("when"), .init("operator"), .init("act"), .init("about"),
                .init("credits", isNumber: true), .init("reason"), .init("outcome"),
            ], lines, limit: limit, cursor: { $0.id.text },
            row: { line in
                [
                    .time(line.createdAt), .text(line.actor), .badge(line.action, tone: "plain"),
                    line.userID.map { .link($0.text, to: "/console/people/\($0.text)") }
                        ?? .text(line.subject),
                    .credits(line.credits), .text(line.reason),
                    .badge(line.outcome, tone: tones[line.outcome] ?? "plain"),
                ]
            })
    }

    static let tones = [
        "done": "good", "begun": "wait", "refused": "warn", "failed": "bad",
    ]
}
