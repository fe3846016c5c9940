import Database
import Foundation
import HTTPClient
import JSON
import Messaging
import Users
import Values

/// Sends mails by SMTP, worked off by the worker: a mail server that is away delays mails and
/// nothing else. It uses up no tries either, for days.
package struct MailDelivery: Sendable {
    private let client: SMTPClient
    private let sender: Mailbox
    private let database: any Database
    private let secrets: TokenHashSecrets
    private let clock: DecisionClock

    package init(
        url: String, from: String, database: any Database, secrets: TokenHashSecrets,
        clock: DecisionClock
    ) throws {
        do {
            client = try SMTPClient(url: url)
        } catch {
            throw SettingsError("SMTP_URL", "\(error)")
        }
        guard let sender = Mailbox(from) else {
            throw SettingsError("MAIL_FROM", "must be an address, or Name <address>")
        }
        self.sender = sender
        self.database = database
        self.secrets = secrets
        self.clock = clock
    }

    package func handle(_ message: Message) async throws {
        guard
            let id = try JSONValue.parse(message.body)["mail"]?.string.flatMap({
                UUID(uuidString: $0)
            })
        else {
            throw PoisonMessage("names no mail")
        }
        guard let mail = try await mail(id) else { return }
        try await send(
            MailEnvelope(
                from: sender.address, to: mail.recipient,
                message: mail.message(from: sender, id: id, at: clock.now())))
        let sentAt = clock.now()
        _ = try await database.write { connection in
            try connection.execute(
                "UPDATE mails SET sent_at = ? WHERE id = ?", [.time(sentAt), .uuid(id)])
        }
    }

    private func send(_ envelope: MailEnvelope) async throws {
        do {
            try await client.send(envelope)
        } catch {
            if error.isTemporary { throw PostponedMessage("\(error)") }
            throw PoisonMessage("\(error)")
        }
    }

    /// `nil` where it is gone, or was sent before: messages may be delivered twice.
    private func mail(_ id: UUID) async throws -> Mail? {
        let found = try await database.read { connection -> (Mail, sealed: [UInt8]?)? in
            let row = try connection.queryOne(
                """
                SELECT recipient, subject, text, html, sealed_code FROM mails
                WHERE id = ? AND sent_at IS NULL
                """, [.uuid(id)])
            guard var reader = row?.reader else { return nil }
            return try (
                Mail(
                    recipient: reader.text(), subject: reader.text(), text: reader.text(),
                    html: reader.text()), reader.optionalBlob()
            )
        }
        do {
            return try found.map { try $0.0.opened(id, sealedCode: $0.sealed, with: secrets) }
        } catch {
            throw PoisonMessage("\(error)")
        }
    }
}
