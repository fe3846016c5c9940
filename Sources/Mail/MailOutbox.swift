import Database
import FoundationEssentials
import JSON
import Messaging
import Users
import Values

/// A mail to one person, as plain text and as HTML.
package struct Mail: Sendable, Equatable {
    /// Stands where a code belongs: a mail lies in the database without it, and the code beside it
    /// sealed.
    static let placeOfCode = "[code]"

    package let recipient: String
    package let subject: String
    package let text: String
    package let html: String

    package init(recipient: String, subject: String, text: String, html: String) {
        self.recipient = recipient
        self.subject = subject
        self.text = text
        self.html = html
    }

    /// The mail as it is read by its recipient.
    ///
    /// - Throws: ``TokenHashSecrets/Unopenable``
    package func opened(_ id: UUID, sealedCode: [UInt8]?, with secrets: TokenHashSecrets) throws
        -> Mail
    {
        guard let sealedCode else { return self }
        let code = try secrets.open(sealedCode, for: id.text)
        return Mail(
            recipient: recipient, subject: subject,
            text: text.replacing(Self.placeOfCode, with: code),
            html: html.replacing(Self.placeOfCode, with: code))
    }
}

/// Whom a mail goes to.
package struct MailRecipient: Sendable, Equatable {
    let address: String
    /// How they are greeted. Only who has proven the address is greeted by name: else anybody
    /// could mail words of their choice to anybody, by signing up with a name.
    package let name: String?

    package init(address: String, name: String?) {
        self.address = address
        self.name = name
    }
}

extension UserRow {
    /// `nil` where the user has no address, as some of another issuer.
    package var mailRecipient: MailRecipient? {
        guard let email else { return nil }
        let isProven = emailVerifiedAt != nil && fullName?.isEmpty == false
        return MailRecipient(address: email, name: isProven ? fullName : nil)
    }
}

/// Where mails wait to be sent. A mail is enqueued in the database transaction that gives the
/// reason for it, so neither is there without the other, and nobody waits for a mail server.
package struct MailOutbox: Sendable {
    /// Hands mails to the worker that sends them; `nil` in development, where they stay in the
    /// mailbox.
    let broker: (any MessageBroker)?
    let templates: MailTemplates
    let secrets: TokenHashSecrets

    package init(
        broker: (any MessageBroker)?, templates: MailTemplates, secrets: TokenHashSecrets
    ) {
        self.broker = broker
        self.templates = templates
        self.secrets = secrets
    }

    /// A user without an address, or who was erased meanwhile, gets no mail.
    ///
    /// - Parameters:
    ///   - id: the mail's own, where the reason for it may be worked off twice: the second time
    ///     adds nothing.
    ///   - requestID: of the request that gave the reason, for the worker's log; `nil` where none
    ///     did.
    package func enqueue(
        _ content: MailContent, to user: UserRow, id: UUID? = nil, requestID: String?,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        // Nobody is erased meanwhile, so that no mail outlives its user.
        guard let recipient = user.mailRecipient,
            try UserRow.findLocked(id: user.id, in: connection) != nil
        else { return }
        try enqueue(
            content, to: recipient, of: user.id, id: id, requestID: requestID, in: connection,
            now: now)
    }

    /// To an address whose owner may have no account. If they have one, the mail is theirs.
    package func enqueue(
        _ content: MailContent, to email: EmailAddress, id: UUID? = nil, requestID: String?,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        let user = try UserRow.find(emailKey: email.key, in: connection)
        let isThere = try user.map { try UserRow.findLocked(id: $0.id, in: connection) != nil }
        try enqueue(
            content, to: MailRecipient(address: email.text, name: nil),
            of: isThere == true ? user?.id : nil, id: id, requestID: requestID, in: connection,
            now: now)
    }

    private func enqueue(
        _ content: MailContent, to recipient: MailRecipient, of user: UUID?, id: UUID? = nil,
        requestID: String?, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        let mail = try templates.render(content, to: recipient)
        let id = id ?? .version7(at: now, randomness: .random(in: .min ... .max))
        let sealed = try content.code.map { try secrets.seal($0, for: id.text) }
        let added = try connection.execute(
            """
            INSERT INTO mails (id, user_id, recipient, subject, text, html, sealed_code,
                created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
            """,
            [
                .uuid(id), .uuid(user), .text(mail.recipient), .text(mail.subject),
                .text(mail.text), .text(mail.html), sealed.map { .blob($0) } ?? .null,
                .time(now),
            ])
        guard added > 0 else { return }
        try broker?.enqueue(
            .emails, Self.messageBody(id),
            MessageEnvelope(requestID: requestID, accountID: user), in: connection, now: now)
    }

    /// The message that asks for a mail to be sent.
    private static func messageBody(_ mail: UUID) -> String {
        JSONValue.object(["mail": .string(mail.text)]).compactText
    }

    /// By what the messages about a mail are known: their first ``messagePrefixLength`` characters.
    static func messagePrefix(_ mail: UUID) -> String {
        "{\"mail\":\"\(mail.text)\""
    }

    static let messagePrefixLength = 46
}
