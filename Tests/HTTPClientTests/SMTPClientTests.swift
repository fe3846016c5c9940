import Foundation
import HTTPClient
import Testing

@Suite("Handing a mail over to an SMTP server")
struct SMTPClientTests {
    let mail = MailEnvelope(
        from: "career@example.test", to: "ada@example.test",
        message: Array("Subject: Hello\n\nFirst\n.second\r\nlast".utf8))

    /// An SMTP server that answers a command by the reply given for its verb, else by success.
    func server(
        _ replies: [String: String] = [:], extensions: [String] = []
    ) throws -> (server: LoopbackServer, lines: Notes<String>) {
        let lines = Notes<String>()
        let server = try LoopbackServer { connection in
            connection.write(replies["connect"] ?? "220 mail.test ESMTP\r\n")
            while let line = connection.readLine() {
                lines.add(line)
                let verb = String(line.prefix(4)).uppercased()
                let reply = replies[verb] ?? standardReply(verb, extensions: extensions)
                if reply == "hang up" { return }
                connection.write(reply)
                if verb == "DATA", reply.hasPrefix("354") {
                    while let text = connection.readLine(), text != "." { lines.add(text) }
                    let reply = replies["text"] ?? "250 accepted\r\n"
                    if reply == "hang up" { return }
                    connection.write(reply)
                }
            }
        }
        return (server, lines)
    }

    func failure(_ url: String, _ mail: MailEnvelope? = nil) async -> SMTPError? {
        do throws(SMTPError) {
            try await SMTPClient(url: url).send(mail ?? self.mail)
            return nil
        } catch {
            return error
        }
    }

    @Test("Envelope and text arrive, with line ends of the network and dots doubled")
    func accepted() async throws {
        let (server, lines) = try server()
        try await SMTPClient(url: "smtp://127.0.0.1:\(server.port)").send(mail)
        #expect(lines.all.contains { $0.hasPrefix("MAIL FROM:<career@example.test>") })
        #expect(lines.all.contains("RCPT TO:<ada@example.test>"))
        let text = lines.all.drop { $0 != "DATA" }.dropFirst()
        #expect(text.prefix(5) == ["Subject: Hello", "", "First", "..second", "last"])
    }

    @Test("User and password of the URL are presented, percent-decoded")
    func signIn() async throws {
        let (server, lines) = try server(["AUTH": "235 welcome\r\n"], extensions: ["AUTH PLAIN"])
        let url = "smtp://ada:p%40ss@127.0.0.1:\(server.port)"
        try await SMTPClient(url: url).send(mail)
        let credentials = Data("\0ada\0p@ss".utf8).base64EncodedString()
        #expect(lines.all.contains { $0.hasPrefix("AUTH PLAIN") && $0.hasSuffix(credentials) })
    }

    @Test(
        "A 4xx reply is temporary and a 5xx reply permanent, whichever command it answers",
        arguments: ["connect", "MAIL", "RCPT", "DATA", "text"], [450, 550])
    func replies(command: String, code: Int) async throws {
        let (server, _) = try server([command: "\(code) no\r\n"])
        let error = try #require(await failure("smtp://127.0.0.1:\(server.port)"))
        switch error {
        case .temporary(let reply, _): #expect(reply == code && code == 450)
        case .permanent(let reply, _): #expect(reply == code && code == 550)
        case .invalidURL: Issue.record("the URL is valid")
        }
    }

    @Test("A refused password is permanent and is not told")
    func refusedPassword() async throws {
        let (server, _) = try server(["AUTH": "535 no\r\n"], extensions: ["AUTH PLAIN"])
        let error = try #require(
            await failure("smtp://ada:hunter2@127.0.0.1:\(server.port)"))
        #expect(!error.isTemporary)
        #expect(!"\(error)".contains("hunter2") && !"\(error)".contains("ada"))
    }

    @Test(
        "A connection that breaks, or never was, is temporary",
        arguments: ["EHLO", "MAIL", "RCPT", "DATA", "text"])
    func hangUp(command: String) async throws {
        let (server, _) = try server([command: "hang up"])
        let url = "smtp://127.0.0.1:\(server.port)"
        #expect(await failure(url)?.isTemporary == true)
        server.stop()
        #expect(await failure(url)?.isTemporary == true)
    }

    @Test("Off this machine a server without STARTTLS is told nothing, unless TLS is off")
    func requiredTLS() throws {
        #expect(try SMTPServer(url: "smtp://mail.example.test").requiresTLS)
        #expect(try SMTPServer(url: "smtps://127.0.0.1").requiresTLS)
        #expect(try SMTPServer(url: "smtp://127.example.test").requiresTLS)
        #expect(try SMTPServer(url: "smtp://mail.example.test?tls=on").requiresTLS)
        #expect(try !SMTPServer(url: "smtp://mail.example.test?tls=off").requiresTLS)
        #expect(try !SMTPServer(url: "smtp://localhost:2525").requiresTLS)
        #expect(try !SMTPServer(url: "smtp://127.0.0.9").requiresTLS)
    }

    @Test("Required TLS that the server does not offer ends the talk before any command")
    func missingSTARTTLS() async throws {
        let (server, lines) = try server(extensions: ["AUTH PLAIN"])
        var settings = try SMTPServer(url: "smtp://ada:secret@127.0.0.1:\(server.port)")
        settings.requiresTLS = true
        let client = SMTPClient(server: settings)
        await #expect(throws: SMTPError.self) { try await client.send(mail) }
        #expect(lines.all.allSatisfy { $0.hasPrefix("EHLO") || $0 == "QUIT" })

        // TLS from the start on a server that speaks plainly cannot even begin.
        #expect(await failure("smtps://127.0.0.1:\(server.port)")?.isTemporary == true)
    }

    @Test("Ports are those of mail submission, and credentials stay out of the URL in use")
    func serverURL() throws {
        let urls = [
            "smtp://a:b@mail.example.test": "smtp://mail.example.test:587",
            "SMTPS://mail.example.test/": "smtps://mail.example.test:465",
            "smtp://mail.example.test:25": "smtp://mail.example.test:25",
        ]
        for (url, used) in urls { #expect(try SMTPServer(url: url).url == used) }
    }

    @Test(
        "Settings that name no mail server are refused",
        arguments: ["", "mail.example.test", "http://mail.example.test", "smtp://", "smtp:///x"])
    func invalidURL(url: String) {
        #expect(throws: SMTPError.invalidURL) { try SMTPServer(url: url) }
    }

    @Test(
        "An address that would end its command is refused before a connection is made",
        arguments: [
            "", "ada", "@example.test", "ada@", "a@b@c", "ada@example.test>\r\nDATA",
            "ada @example.test", "<ada@example.test>", "ada@example.test\u{0}",
            String(repeating: "a", count: 300) + "@example.test",
        ])
    func invalidAddress(address: String) async throws {
        let (server, _) = try server()
        let url = "smtp://127.0.0.1:\(server.port)"
        var toMail = mail
        toMail.to = address
        var fromMail = mail
        fromMail.from = address
        #expect(await failure(url, toMail)?.isTemporary == false)
        #expect(await failure(url, fromMail)?.isTemporary == false)
        #expect(server.connections == 0)
    }

    @Test("A message of any line ends goes out with the network's")
    func lineEnds() {
        let written = withNetworkLineEnds(Array("a\nb\r\nc\rd\n\n\r\n".utf8))
        #expect(String(decoding: written, as: UTF8.self) == "a\r\nb\r\nc\r\nd\r\n\r\n\r\n")
    }
}

private func standardReply(_ verb: String, extensions: [String]) -> String {
    switch verb {
    case "EHLO":
        let lines = ["mail.test"] + extensions
        return lines.enumerated()
            .map { "250\($0 == lines.count - 1 ? " " : "-")\($1)\r\n" }.joined()
    case "DATA": return "354 go on\r\n"
    case "QUIT": return "221 bye\r\n"
    default: return "250 fine\r\n"
    }
}
