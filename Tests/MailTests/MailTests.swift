import Database
import Foundation
import Mail
import TestFixtures
import Testing
import Users
import Values

@Suite("Mails are the same words as text and as HTML")
struct MailTemplatesTests {
    private static let hostile = "<b>&\"'{{plan}}\r\nBcc: eve@example.test\u{0}"

    private func mail(
        _ kind: MailContent.Kind, _ value: String?, name: String? = nil, code: String? = nil
    ) throws -> Mail {
        let words = try #require(MailText.all[kind])
        let values = Dictionary(uniqueKeysWithValues: words.values.map { ($0, value) })
        let templates = MailTemplates()
        try templates.check()
        return try templates.render(
            MailContent(kind, values, code: code),
            to: MailRecipient(address: "ada@example.test", name: name))
    }

    @Test(
        "No value can bring markup, a header or a paragraph of its own",
        arguments: MailContent.Kind.allCases)
    func hostileValues(kind: MailContent.Kind) throws {
        let mail = try mail(kind, Self.hostile, name: Self.hostile)
        #expect(!mail.html.contains("<b>") && !mail.html.contains("&\""))
        for text in [mail.subject, mail.text, mail.html] {
            #expect(!text.contains("\nBcc:") && !text.contains("\u{0}") && !text.contains("\r"))
        }
        #expect(!mail.subject.contains("\n"))
        if mail.text.contains("Hello") {
            #expect(mail.text.contains("Hello <b>&\"'{{plan}}  Bcc: eve@example.test ,"))
            #expect(mail.html.contains("Hello &lt;b&gt;&amp;&quot;&#39;{{plan}}  Bcc:"))
        }
    }

    @Test("Without any value it still is a whole mail", arguments: MailContent.Kind.allCases)
    func noValues(kind: MailContent.Kind) throws {
        let mail = try mail(kind, nil)
        #expect(!mail.subject.isEmpty)
        for text in [mail.text, mail.html] {
            #expect(!text.contains("{{") && !text.contains("nil") && !text.contains("Optional"))
            #expect(text.contains("CueBX Career"))
        }
    }

    @Test("A code stands in both forms once the mail is opened, and nowhere before")
    func code() throws {
        let secrets = TokenHashSecrets(["secret"])
        let id = UUID()
        for kind in [MailContent.Kind.signUpCode, .passwordReset] {
            let mail = try mail(kind, "10", code: "482913")
            #expect(!mail.text.contains("482913") && !mail.html.contains("482913"))
            let sealed = try secrets.seal("482913", for: id.text)
            let opened = try mail.opened(id, sealedCode: sealed, with: secrets)
            #expect(opened.text.contains("482913") && opened.html.contains("482913"))
            #expect(throws: (any Error).self) {
                try mail.opened(UUID(), sealedCode: sealed, with: secrets)
            }
        }
    }

    @Test(
        "No word that somebody chose stands before a code",
        arguments: [
            MailContent.Kind.signUpCode, .passwordReset, .workspaceBillingCode,
        ])
    func codeComesFirst(kind: MailContent.Kind) throws {
        let secrets = TokenHashSecrets(["secret"])
        let id = UUID()
        let mail = try mail(kind, "555123", code: "482913").opened(
            id, sealedCode: try secrets.seal("482913", for: id.text), with: secrets)
        #expect(!mail.subject.contains("555123"))
        for text in [mail.text, mail.html] {
            #expect(text.firstMatch(of: /\b[0-9]{6}\b/)?.output == "482913")
        }
    }

    @Test("Only who has proven their address is greeted by name")
    func greeting() async throws {
        try await withTemporaryDatabase { database in
            let user = UUID()
            try await database.insertUser(user, at: TestCatalog.start)
            func name() async throws -> String? {
                try await database.read { try UserRow.find(id: user, in: $0) }?.mailRecipient?.name
            }
            func set(_ assignment: String) async throws {
                _ = try await database.write { try $0.execute("UPDATE users SET \(assignment)") }
            }
            try await set("full_name = 'Ada'")
            #expect(try await name() == nil)
            try await set("email_verified_at = 1")
            #expect(try await name() == "Ada")
            try await set("full_name = ''")
            #expect(try await name() == nil)
        }
    }
}

@Suite("A mail on the wire")
struct MailMessageTests {
    @Test(
        "A sender is an address, or a name and an address",
        arguments: [
            ("a@b.co", "a@b.co"), ("Ada <a@b.co>", "\"Ada\" <a@b.co>"),
            ("\"Ada L.\" <a@b.co>", "\"Ada L.\" <a@b.co>"),
            ("Ä <a@b.co>", "=?utf-8?B?w4Q=?= <a@b.co>"),
        ])
    func senders(text: String, header: String) {
        #expect(Mailbox(text)?.header == header)
    }

    @Test(
        "What could end a header or a command is no sender",
        arguments: [
            "", "a", "a@", "@b", "a@b@c", "a b@c.co", "a@b.co\r\nX: y", "A\nB <a@b.co>", "<a@b.co",
            "a@b.co>", "<a@b.co> x", "a,b@c.co", "\"a\"@b.co", "ä@b.co", "A <B <a@b.co>>",
            "a@b.co?subject=x",
        ])
    func noSenders(text: String) {
        #expect(Mailbox(text) == nil)
    }

    @Test("No subject adds a header, no line is too long, and a repetition is the same mail")
    func message() throws {
        let sender = try #require(Mailbox("Ada <a@b.co>"))
        let subject = "é\r\nBcc: eve@example.test" + String(repeating: "x", count: 500)
        let mail = Mail(
            recipient: "ada@example.test", subject: subject,
            text: String(repeating: "y", count: 5000), html: "<p>.\r\n.\r\n</p>")
        let id = UUID()
        let bytes = mail.message(from: sender, id: id, at: TestCatalog.start)
        #expect(bytes == mail.message(from: sender, id: id, at: TestCatalog.start))
        let lines = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n")
        #expect(lines.allSatisfy { $0.utf8.count <= 998 && !$0.hasPrefix("Bcc") && $0 != "." })
        #expect(lines.contains("Message-ID: <\(id.text)@b.co>"))
        #expect(lines.contains("Date: Sat, 31 Jan 2026 12:00:00 +0000"))
        #expect(bytes.allSatisfy { $0 < 0x80 })
    }
}
