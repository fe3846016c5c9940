import Database
import FoundationEssentials
import HTTPEndpoint
import Mail
import Users
import Values

/// Development only: the mails that would have been sent.
struct ReadMailbox: Action {
    let database: any Database
    let secrets: TokenHashSecrets

    /// The newest mails of one answer.
    static let maximumMails = 200

    static let about = About(
        "Read the development mailbox", details: "Not there in production.", access: .open,
        isLarge: true)

    func read(_ input: inout InputReader) -> String? {
        input.query("to", .text(1...320), "Only mails to this address, in any case.")
    }

    func perform(_ recipient: String?, _ call: Call) async throws -> Reply<MailboxResponse> {
        Reply(MailboxResponse(messages: try await newest(to: recipient)))
    }

    /// The newest mails, newest last.
    func newest(to recipient: String?) async throws -> [MailResponse] {
        let mails = try await database.read { connection in
            try MailTable.newest(to: recipient, limit: Self.maximumMails, in: connection).map {
                MailResponse(
                    mail: opened($0.mail, $0.id, $0.sealedCode), sentAt: $0.createdAt)
            }
        }
        return mails.reversed()
    }

    /// A code that was sealed under another secret than this process knows stays out.
    private func opened(_ mail: Mail, _ id: UUID, _ sealed: [UInt8]?) -> Mail {
        do {
            return try mail.opened(id, sealedCode: sealed, with: secrets)
        } catch {
            return mail
        }
    }
}

struct MailboxResponse: JSONObjectOutput {
    let messages: [MailResponse]

    static let about = "The mails that were sent."
    static let fields: [OutputField<MailboxResponse>] = [
        OutputField("messages", .array(.object), "Newest last.") { $0.messages }
    ]
}

struct MailResponse: JSONObjectOutput {
    let mail: Mail
    let sentAt: Timestamp

    static let schemaName = "Mail"
    static let about = "One mail."
    static let fields: [OutputField<MailResponse>] = [
        OutputField("to", .text, "Its recipient.") { $0.mail.recipient },
        OutputField("subject", .text, "Its subject.") { $0.mail.subject },
        OutputField("text", .text, "Its plain text.") { $0.mail.text },
        OutputField("html", .text, "Its HTML.") { $0.mail.html },
        OutputField("sent_at", .time, "When it was sent.") { $0.sentAt },
    ]
}
