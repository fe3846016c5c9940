import Database
import Values

/// An event of Stripe's as it was received.
package struct ReceivedEvent: Sendable {
    package let id: String
    package let type: String
    /// What it is about, e.g. a subscription or an invoice.
    package let objectID: String?
    package let createdAt: Timestamp
    package let receivedAt: Timestamp

    /// After which the next page begins.
    package var key: [SQLValue] { [.time(receivedAt), .text(id)] }

    /// The newest first.
    ///
    /// - Parameter key: of the last event of the page before.
    package static func page(
        before key: [SQLValue]?, limit: Int, in connection: any DatabaseConnection
    ) throws -> [ReceivedEvent] {
        let behind = key == nil ? "" : "WHERE (received_at, id) < (?, ?)"
        return try connection.query(
            """
            SELECT id, type, object_id, created_at, received_at FROM stripe_events \(behind)
            ORDER BY received_at DESC, id DESC LIMIT \(limit)
            """, key ?? []
        ).map { row in
            var reader = row.reader
            return try ReceivedEvent(
                id: reader.text(), type: reader.text(), objectID: reader.optionalText(),
                createdAt: reader.time(), receivedAt: reader.time())
        }
    }
}
