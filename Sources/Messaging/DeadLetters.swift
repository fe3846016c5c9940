import Database
import Foundation
import Values

/// Messages that were given up on: kept with the reason until an operator decides.
public struct DeadLetters: Sendable {
    public struct Letter: Sendable {
        public let id: UUID
        public let queue: String
        public let body: String
        public let envelope: MessageEnvelope
        public let attempts: Int64
        public let reason: String
        public let enqueuedAt: Timestamp
        public let diedAt: Timestamp

        /// After which the next page begins.
        package var key: [SQLValue] { [.time(diedAt), .uuid(id)] }
    }

    /// The newest letters that one list shows.
    static let maximumListed = 500

    private let database: any Database

    public init(database: any Database) {
        self.database = database
    }

    public func list() async throws -> [Letter] {
        try await select("ORDER BY died_at DESC LIMIT \(Self.maximumListed)", [])
    }

    /// The newest first.
    ///
    /// - Parameter key: of the last letter of the page before.
    package func page(before key: [SQLValue]?, limit: Int) async throws -> [Letter] {
        try await select(
            (key == nil ? "" : "AND (died_at, id) < (?, ?) ")
                + "ORDER BY died_at DESC, id DESC LIMIT \(limit)", key ?? [])
    }

    public func letter(_ id: UUID) async throws -> Letter? {
        try await select("AND id = ?", [.uuid(id)]).first
    }

    /// Gives a letter its tries anew.
    /// - Returns: false where there is no such letter.
    public func retry(_ id: UUID, now: Timestamp) async throws -> Bool {
        try await database.write { connection in
            try connection.execute(
                """
                UPDATE messages SET attempts = 0, died_at = NULL, due_at = ?, leased_until = 0
                WHERE id = ? AND died_at IS NOT NULL
                """, [.time(now), .uuid(id)]) > 0
        }
    }

    /// Throws a letter away for good.
    /// - Returns: false where there is no such letter.
    public func discard(_ id: UUID) async throws -> Bool {
        try await database.write { try Self.discard(id, in: $0) }
    }

    /// The same within the caller's database transaction.
    @discardableResult
    public static func discard(
        _ id: UUID, in connection: any DatabaseConnection
    ) throws -> Bool {
        try connection.execute(
            "DELETE FROM messages WHERE id = ? AND died_at IS NOT NULL", [.uuid(id)]) > 0
    }

    private func select(_ tail: String, _ arguments: [SQLValue]) async throws -> [Letter] {
        try await database.read { connection in
            try connection.query(
                """
                SELECT id, queue, body, \(MessageEnvelope.columns), attempts,
                    coalesce(reason, ''), enqueued_at, died_at
                FROM messages WHERE died_at IS NOT NULL \(tail)
                """, arguments
            ).map { row in
                var reader = row.reader
                return try Letter(
                    id: reader.uuid(), queue: reader.text(), body: reader.text(),
                    envelope: MessageEnvelope(&reader), attempts: reader.integer(),
                    reason: reader.text(), enqueuedAt: reader.time(), diedAt: reader.time())
            }
        }
    }
}
