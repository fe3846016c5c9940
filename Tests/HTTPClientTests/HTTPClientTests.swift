import Foundation
import HTTPClient
import Testing

@Suite("A call to another service")
struct HTTPClientTests {
    let client = HTTPClient(maximumInFlight: 2)

    /// A server that answers every request on every connection by `answer`, and what it received.
    func server(
        _ answer: @escaping @Sendable (Connection, ReceivedRequest) -> Void
    ) throws -> (server: LoopbackServer, received: Notes<ReceivedRequest>) {
        let received = Notes<ReceivedRequest>()
        let server = try LoopbackServer { connection in
            while let request = connection.readRequest() {
                received.add(request)
                answer(connection, request)
            }
        }
        return (server, received)
    }

    func failure(_ request: HTTPRequest) async -> HTTPClientError? {
        do throws(HTTPClientError) {
            _ = try await client.send(request)
            return nil
        } catch {
            return error
        }
    }

    @Test("Method, path, header fields and body arrive as they were given")
    func request() async throws {
        let (server, received) = try server { connection, _ in
            connection.answer("201 Created", headers: ["X-Answer:  yes "], body: "done")
        }
        let response = try await client.send(
            HTTPRequest(
                "POST", server.url + "/v1/things?a=%20b",
                headers: [("X-One", "1"), ("Content-Type", "text/plain"), ("X-Empty", "")],
                body: Array("a=1&b=+%2B".utf8)))

        #expect(response.status == 201)
        #expect(response.body == Array("done".utf8))
        #expect(response.header("x-answer") == "yes")
        let request = try #require(received.all.first)
        #expect(request.line == "POST /v1/things?a=%20b HTTP/1.1")
        #expect(request.header("X-One") == "1")
        #expect(request.header("X-Empty") == "")
        #expect(request.header("Content-Type") == "text/plain")
        #expect(request.header("Expect") == nil)
        #expect(request.body == Array("a=1&b=+%2B".utf8))
    }

    @Test(
        "Each method reaches the server, with an empty body where one is usual",
        arguments: [
            ("GET", nil), ("DELETE", nil), ("POST", "0"), ("PUT", "0"), ("PATCH", "0"),
        ] as [(String, String?)])
    func methods(method: String, length: String?) async throws {
        let (server, received) = try server { connection, _ in connection.answer() }
        let response = try await client.send(HTTPRequest(method, server.url + "/"))
        #expect(response.status == 200)
        #expect(received.all.map(\.line) == ["\(method) / HTTP/1.1"])
        #expect(received.all.first?.header("Content-Length") == length)
        #expect(received.all.first?.header("Content-Type") == nil)
    }

    @Test("A body longer than a socket's buffer goes out whole and at once")
    func longBody() async throws {
        let (server, received) = try server { connection, _ in connection.answer() }
        let body = [UInt8](repeating: 7, count: 3 * 1024 * 1024)
        _ = try await client.send(HTTPRequest("POST", server.url, body: body))
        #expect(received.all.first?.body == body)
        #expect(received.all.first?.header("Expect") == nil)
    }

    @Test("One request after another uses one connection")
    func keepAlive() async throws {
        let (server, received) = try server { connection, _ in connection.answer() }
        for _ in 0..<20 { _ = try await client.send(HTTPRequest("GET", server.url)) }
        #expect(received.all.count == 20)
        #expect(server.connections == 1)
    }

    @Test("A kept connection that was closed meanwhile is replaced without an error")
    func staleConnection() async throws {
        let server = try LoopbackServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.answer()
        }
        for _ in 0..<3 {
            let response = try await client.send(HTTPRequest("POST", server.url))
            #expect(response.status == 200)
        }
        #expect(server.connections >= 3)
    }

    @Test("An error status and a redirect are answers, and the redirect is not followed")
    func statuses() async throws {
        let (server, received) = try server { connection, request in
            if request.line.contains("/away") {
                connection.answer("302 Found", headers: ["Location: /elsewhere"])
            } else {
                connection.answer("503 Service Unavailable", body: "later")
            }
        }
        let away = try await client.send(HTTPRequest("GET", server.url + "/away"))
        let down = try await client.send(HTTPRequest("GET", server.url + "/down"))
        #expect(away.status == 302)
        #expect(away.header("location") == "/elsewhere")
        #expect(down.status == 503)
        #expect(received.all.count == 2)
    }

    @Test("An interim answer leaves neither its status nor its header fields behind")
    func interimAnswer() async throws {
        let (server, _) = try server { connection, _ in
            connection.write("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
            connection.answer("200 OK", headers: ["X-Final: 1"])
        }
        let response = try await client.send(HTTPRequest("GET", server.url))
        #expect(response.status == 200)
        #expect(response.header("Link") == nil)
        #expect(response.header("X-Final") == "1")
    }

    @Test("Where nobody listens, the error says that nothing was sent")
    func refusedConnection() async throws {
        let (server, _) = try server { connection, _ in connection.answer() }
        server.stop()
        let error = try #require(await failure(HTTPRequest("POST", server.url)))
        guard case .cannotConnect = error else {
            Issue.record("expected cannotConnect, got \(error)")
            return
        }
        #expect(error.nothingWasSent)
    }

    @Test("A host name that does not exist is a connection that cannot be made")
    func unknownHost() async throws {
        let error = try #require(await failure(HTTPRequest("GET", "http://nowhere.invalid/")))
        #expect(error.nothingWasSent)
        #expect(error != .invalidURL)
    }

    @Test("A server that never accepts is told apart from one that never answers")
    func silentBacklog() async throws {
        let server = try LoopbackServer(backlog: 0, serve: nil)
        let waiting = try server.fillBacklog()
        defer { for socket in waiting { close(socket) } }
        let error = await failure(HTTPRequest("POST", server.url, timeout: .seconds(2)))
        #expect(error == .cannotConnect(reason: "no connection in time"))
    }

    @Test("A server that never answers ends in a timeout, and may have acted")
    func silentServer() async throws {
        let (server, received) = try server { connection, _ in connection.waitForHangUp() }
        let error = await failure(
            HTTPRequest("POST", server.url, body: [1], timeout: .seconds(2)))
        #expect(error == .timedOut)
        #expect(error?.nothingWasSent == false)
        #expect(received.all.count == 1)
    }

    @Test("A body that stops coming ends in a timeout, not in a short answer")
    func stalledBody() async throws {
        let (server, _) = try server { connection, _ in
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
            connection.waitForHangUp()
        }
        let error = await failure(HTTPRequest("GET", server.url, timeout: .seconds(2)))
        #expect(error == .timedOut)
    }

    @Test(
        "An answer that breaks off is an error, never a short answer",
        arguments: [
            "", "HTTP/1.1 200 O", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
            "not HTTP at all\r\n\r\n",
        ])
    func brokenAnswer(bytes: String) async throws {
        let server = try LoopbackServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.write(bytes)
        }
        let error = try #require(await failure(HTTPRequest("GET", server.url)))
        guard case .connectionLost = error else {
            Issue.record("expected connectionLost, got \(error)")
            return
        }
        #expect(!error.nothingWasSent)
    }

    @Test("An answer's body is read up to the limit and no further")
    func longAnswer() async throws {
        let (server, _) = try server { connection, request in
            let length = request.line.contains("/over") ? 1 : 0
            let body = String(repeating: "x", count: maximumResponseBytes + length)
            connection.answer(body: body)
        }
        let response = try await client.send(HTTPRequest("GET", server.url + "/at"))
        #expect(response.body.count == maximumResponseBytes)
        #expect(
            await failure(HTTPRequest("GET", server.url + "/over")) == .responseTooLarge)
    }

    @Test("An answer without an end, and one with endless header fields, are cut off")
    func endlessAnswers() async throws {
        let (server, _) = try server { connection, request in
            if request.line.contains("/head") {
                let field = "X-Filler: " + String(repeating: "x", count: 1000)
                let fields = [String](repeating: field, count: 100)
                connection.answer(headers: fields)
            } else {
                connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                let chunk = "10000\r\n" + String(repeating: "x", count: 0x10000) + "\r\n"
                for _ in 0..<80 { connection.write(chunk) }
            }
        }
        #expect(
            await failure(HTTPRequest("GET", server.url + "/head")) == .responseTooLarge)
        #expect(
            await failure(HTTPRequest("GET", server.url + "/body")) == .responseTooLarge)
    }

    @Test(
        "A URL that is not absolute HTTP is refused before anything is sent",
        arguments: [
            "", "/v1/customers", "ftp://127.0.0.1/", "file:///etc/passwd", "http://",
            "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX-Evil: 1", "http://127.0.0.1:99999/",
            "http://127.0.0.1/" + String(repeating: "x", count: 20_000),
        ])
    func invalidURL(url: String) async {
        #expect(await failure(HTTPRequest("GET", url)) == .invalidURL)
    }

    @Test("A header field or method that would break the request's head is refused")
    func headerInjection() async throws {
        let (server, received) = try server { connection, _ in connection.answer() }
        let requests = [
            HTTPRequest("GET", server.url, headers: [("X-A", "1\r\nX-B: 2")]),
            HTTPRequest("GET", server.url, headers: [("X-A: 1\r\nX-B", "2")]),
            HTTPRequest("GET", server.url, headers: [("", "2")]),
            HTTPRequest("GET /x HTTP/1.1\r\nX-A: 1", server.url),
        ]
        for request in requests {
            #expect(await failure(request) == .invalidRequest)
        }
        #expect(received.all.isEmpty)
    }

    @Test("No error tells a secret of its request")
    func errorsWithoutSecrets() async throws {
        let (server, _) = try server { connection, _ in connection.answer() }
        server.stop()
        let url = "http://user:hunter2@127.0.0.1:\(server.port)/?key=hunter2"
        let error = try #require(
            await failure(HTTPRequest("GET", url, headers: [("Authorization", "hunter2")])))
        #expect(!"\(error)".contains("hunter2"))
        #expect(!String(reflecting: error).contains("hunter2"))
    }
}
