import CareerDomain
import Database
import Foundation
import HTTPClient
import JSON
import Messaging

/// Sends mails by SMTP, worked off by the worker: a mail server that is away delays mails and
/// nothing else.
struct MailDelivery: Sendable {
    private let client: SMTPClient
    private let sender: Mailbox
    private let database: any Database
    private let clock: DecisionClock

    init(url: String, from: String, database: any Database, clock: DecisionClock) throws {
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
        self.clock = clock
    }

    func handle(_ message: Message) async throws {
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
    }

    private func send(_ envelope: MailEnvelope) async throws {
        do {
            try await client.send(envelope)
        } catch {
            if error.isTemporary { throw error }
            throw PoisonMessage("\(error)")
        }
    }

    private func mail(_ id: UUID) async throws -> Mail? {
        try await database.read { connection in
            let row = try connection.queryOne(
                "SELECT recipient, subject, text, html FROM mails WHERE id = ?", [.uuid(id)])
            guard var reader = row?.reader else { return nil }
            return try Mail(
                recipient: reader.text(), subject: reader.text(), text: reader.text(),
                html: reader.text())
        }
    }
}
