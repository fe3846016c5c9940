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
    private let from: String
    private let database: any Database
    private let clock: DecisionClock

    init(url: String, from: String, database: any Database, clock: DecisionClock) throws {
        do {
            client = try SMTPClient(url: url)
        } catch {
            throw SettingsError("SMTP_URL", "\(error)")
        }
        self.from = from
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
                from: address(from), to: mail.recipient,
                message: mail.message(from: from, id: id, at: clock.now())))
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

    /// The bare address of `Name <address>`.
    private func address(_ mailbox: String) -> String {
        mailbox.firstMatch(of: /<([^<>]+)>/).map { String($0.1) } ?? mailbox
    }
}

extension Mail {
    /// The mail as bytes on the wire (RFC 5322, RFC 2046): plain text and HTML, both in Base64, so
    /// that no line is too long and nothing in them can be taken for a header.
    func message(from: String, id: UUID, at time: Timestamp) -> [UInt8] {
        let boundary = "part-\(id.text)"
        let lines = [
            "From: \(from)", "To: \(recipient)", "Subject: \(encodedWord(subject))",
            "Date: \(rfc5322(time))", "Message-ID: <\(id.text)@cuebx>", "MIME-Version: 1.0",
            "Content-Type: multipart/alternative; boundary=\"\(boundary)\"", "",
            "--\(boundary)", "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: base64", "", base64(text),
            "--\(boundary)", "Content-Type: text/html; charset=utf-8",
            "Content-Transfer-Encoding: base64", "", base64(html), "--\(boundary)--", "",
        ]
        return Array(lines.joined(separator: "\r\n").utf8)
    }

    private func base64(_ text: String) -> String {
        Data(text.utf8).base64EncodedString(
            options: [.lineLength76Characters, .endLineWithCarriageReturn, .endLineWithLineFeed])
    }

    /// RFC 2047.
    private func encodedWord(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { (0x20..<0x7F).contains($0) }
        return isPlain ? text : "=?utf-8?B?\(Data(text.utf8).base64EncodedString())?="
    }

    private func rfc5322(_ time: Timestamp) -> String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(secondsFromGMT: 0)
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss Z"
        return format.string(from: Date(timeIntervalSince1970: TimeInterval(time.seconds)))
    }
}
