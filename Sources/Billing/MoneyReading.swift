import Database
import FoundationEssentials
import Values

/// What an operator should know of, and what was paid back, page by page.
package enum MoneyReading {
    package struct Notice: Sendable {
        package let id: UUID
        package let kind: String
        package let text: String
        package let createdAt: Timestamp
    }

    /// An invoice whose money went back.
    package struct Returned: Sendable {
        package let invoiceID: String
        package let reason: String
        package let at: Timestamp

        /// After which the next page begins.
        package var key: [SQLValue] { [.time(at), .text(invoiceID)] }
    }

    /// The newest notices first.
    package static func notices(
        before id: UUID?, limit: Int, in connection: any DatabaseConnection
    ) throws -> [Notice] {
        try connection.query(
            """
            SELECT id, kind, text, created_at FROM operator_notices
            \(id == nil ? "" : "WHERE id < ?") ORDER BY id DESC LIMIT \(limit)
            """, id.map { [.uuid($0)] } ?? []
        ).map { row in
            var reader = row.reader
            return try Notice(
                id: reader.uuid(), kind: reader.text(), text: reader.text(),
                createdAt: reader.time())
        }
    }

    /// The newest returns first.
    package static func returned(
        before key: [SQLValue]?, limit: Int, in connection: any DatabaseConnection
    ) throws -> [Returned] {
        let behind = key == nil ? "" : "WHERE (revoked_at, invoice_id) < (?, ?)"
        return try connection.query(
            """
            SELECT invoice_id, reason, revoked_at FROM revoked_invoices \(behind)
            ORDER BY revoked_at DESC, invoice_id DESC LIMIT \(limit)
            """, key ?? []
        ).map { row in
            var reader = row.reader
            return try Returned(
                invoiceID: reader.text(), reason: reader.text(), at: reader.time())
        }
    }
}
