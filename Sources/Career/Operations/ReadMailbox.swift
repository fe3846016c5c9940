import CareerDomain
import Database
import HTTPEndpoint

/// Development only: the mails that would have been sent.
struct ReadMailbox: Action {
    let database: any Database

    /// The newest mails of one answer.
    static let maximumMails = 200

    static let about = About(
        "Read the development mailbox", details: "Not there in production.", access: .open)

    func read(_ input: inout InputReader) -> String? {
        input.query("to", .text(1...320), "Only mails to this address, in any case.")
    }

    func perform(_ recipient: String?, _ call: Call) async throws -> Reply<MailboxResponse> {
        let mails = try await database.read { connection in
            let condition = recipient == nil ? "" : "WHERE lower(recipient) = ?"
            return try connection.query(
                """
                SELECT recipient, subject, text, html, created_at FROM mails
                \(condition) ORDER BY created_at DESC, id DESC LIMIT \(Self.maximumMails)
                """, recipient.map { [.text($0.lowercased())] } ?? []
            ).map { row in
                var reader = row.reader
                return try MailResponse(
                    to: reader.text(), subject: reader.text(), text: reader.text(),
                    html: reader.text(), sentAt: reader.time())
            }
        }
        return Reply(MailboxResponse(messages: mails.reversed()))
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
    let to: String
    let subject: String
    let text: String
    let html: String
    let sentAt: Timestamp

    static let schemaName = "Mail"
    static let about = "One mail."
    static let fields: [OutputField<MailResponse>] = [
        OutputField("to", .text, "Its recipient.") { $0.to },
        OutputField("subject", .text, "Its subject.") { $0.subject },
        OutputField("text", .text, "Its plain text.") { $0.text },
        OutputField("html", .text, "Its HTML.") { $0.html },
        OutputField("sent_at", .time, "When it was sent.") { $0.sentAt },
    ]
}
