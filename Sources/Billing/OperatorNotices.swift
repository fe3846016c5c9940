import Database
import Foundation
import Values

/// What an operator should know of: each once, by its subject.
public struct OperatorNotices: Sendable {
    private let database: any Database
    private let clock: DecisionClock

    public init(database: any Database, clock: DecisionClock) {
        self.database = database
        self.clock = clock
    }

    package func add(_ kind: String, subject: String, _ text: String) async throws {
        let now = clock.now()
        _ = try await database.write { connection in
            try Self.add(kind, subject: subject, text, in: connection, now: now)
        }
    }

    /// In the database transaction that gives the reason for it.
    package static func add(
        _ kind: String, subject: String, _ text: String, in connection: any DatabaseConnection,
        now: Timestamp
    ) throws {
        try connection.execute(
            """
            INSERT INTO operator_notices (id, kind, subject, text, created_at)
            VALUES (?, ?, ?, ?, ?) ON CONFLICT (subject) DO NOTHING
            """,
            [
                .uuid(.version7(at: now, randomness: .random(in: .min ... .max))),
                .text(kind), .text(subject), .text(text), .time(now),
            ])
    }

    /// Whether there is a notice whose subject begins so.
    package func haveTold(of subject: String) async throws -> Bool {
        try await database.read { connection in
            try !connection.query(
                "SELECT 1 FROM operator_notices WHERE substr(subject, 1, ?) = ? LIMIT 1",
                [.integer(Int64(subject.count)), .text(subject)]
            ).isEmpty
        }
    }

    /// Notices are the operator's and stay; who they are about is named no more. Subjects are told
    /// apart, so they get a name that nobody had.
    package static func erase(
        naming names: [String], in connection: any DatabaseConnection
    ) throws {
        let nobody = SQLValue.text("a deleted user (\(UUID().text))")
        for name in names {
            let pattern = SQLValue.text("%\(name)%")
            try connection.execute(
                """
                UPDATE operator_notices SET text = replace(text, ?, ?),
                    subject = replace(subject, ?, ?)
                WHERE text LIKE ? OR subject LIKE ?
                """, [.text(name), nobody, .text(name), nobody, pattern, pattern])
        }
    }
}
