import CareerDomain
import Database
import FoundationEssentials
import JSON
import Messaging

/// A mail to one person, as plain text and as HTML.
struct Mail: Sendable, Equatable {
    let recipient: String
    let subject: String
    let text: String
    let html: String

    init(recipient: String, subject: String, text: String, html: String) {
        self.recipient = recipient
        self.subject = subject
        self.text = text
        self.html = html
    }

    /// Paragraphs of plain text; the HTML is made of the same words, escaped.
    init(to recipient: String, subject: String, paragraphs: [String]) {
        self.recipient = recipient
        self.subject = subject
        text = paragraphs.joined(separator: "\n\n") + "\n"
        html = paragraphs.map { "<p>\(Mail.escaped($0))</p>" }.joined(separator: "\n") + "\n"
    }

    /// The text as it may stand in HTML, in an attribute too.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

/// Where mails wait to be sent. A mail is enqueued in the database transaction that gives the
/// reason for it, so neither is there without the other, and nobody waits for a mail server.
struct MailOutbox: Sendable {
    /// Hands mails to the worker that sends them; `nil` in development, where they stay in the
    /// mailbox.
    let broker: (any MessageBroker)?

    func enqueue(
        _ mail: Mail, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        let id = UUID.version7(at: now, randomness: .random(in: .min ... .max))
        try connection.execute(
            """
            INSERT INTO mails (id, recipient, subject, text, html, created_at)
            VALUES (?, ?, ?, ?, ?, ?)
            """,
            [
                .uuid(id), .text(mail.recipient), .text(mail.subject), .text(mail.text),
                .text(mail.html), .time(now),
            ])
        try broker?.enqueue(
            .emails, JSONValue.object(["mail": .string(id.text)]).compactText, in: connection,
            now: now)
    }
}
