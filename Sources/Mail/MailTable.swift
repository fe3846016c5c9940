import Database
import FoundationEssentials
import Messaging
import Users
import Values

/// The table `mails`: what was written and how long it is kept.
package enum MailTable {
    /// A mail as it lies in the table.
    package struct StoredMail: Sendable {
        package let id: UUID
        /// With a placeholder where a code belongs.
        package let mail: Mail
        package let sealedCode: [UInt8]?
        package let createdAt: Timestamp
    }

    /// The newest first.
    ///
    /// - Parameter recipient: only mails to this address, in any case.
    package static func newest(
        to recipient: String?, limit: Int, in connection: any DatabaseConnection
    ) throws -> [StoredMail] {
        let condition = recipient == nil ? "" : "WHERE lower(recipient) = ?"
        return try connection.query(
            """
            SELECT id, recipient, subject, text, html, sealed_code, created_at FROM mails
            \(condition) ORDER BY created_at DESC, id DESC LIMIT \(limit)
            """, recipient.map { [.text($0.lowercased())] } ?? []
        ).map { row in
            var reader = row.reader
            let id = try reader.uuid()
            let mail = try Mail(
                recipient: reader.text(), subject: reader.text(), text: reader.text(),
                html: reader.text())
            return try StoredMail(
                id: id, mail: mail, sealedCode: reader.optionalBlob(), createdAt: reader.time())
        }
    }

    /// Erases a user's mails, whatever their address was then, with the messages that were to send
    /// them: a mail server's refusal, which is kept with a dead letter, may quote the address.
    /// Mails from before they told whose they are go by the address, in whatever case; if a user of
    /// another issuer shares it with an account of ours they stay.
    package static func erase(
        to user: UserRow, in connection: any DatabaseConnection
    ) throws {
        var address = user.email?.lowercased()
        if let key = address, let owner = try UserRow.find(emailKey: key, in: connection),
            owner.id != user.id
        {
            address = nil
        }
        let prefixes = try connection.query(
            """
            DELETE FROM mails WHERE user_id = ? OR user_id IS NULL AND lower(recipient) = ?
            RETURNING id
            """, [.uuid(user.id), .text(address)]
        ).map { row in
            var reader = row.reader
            return MailOutbox.messagePrefix(try reader.uuid())
        }
        // Those that the version before messages had an account enqueued.
        try AccountMessages.erase(
            .emails, beginningWith: prefixes, of: MailOutbox.messagePrefixLength, in: connection)
    }

    /// Erases mails that were written by then, the oldest first.
    ///
    /// - Returns: how many they were.
    package static func erase(
        until end: Timestamp, limit: Int64, in connection: any DatabaseConnection
    ) throws -> Int {
        try connection.execute(
            """
            DELETE FROM mails WHERE id IN (
                SELECT id FROM mails WHERE created_at <= ?
                ORDER BY created_at LIMIT ?)
            """, [.time(end), .integer(limit)])
    }
}
