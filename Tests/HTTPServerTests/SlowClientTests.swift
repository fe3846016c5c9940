import Glibc
import HTTPEndpoint
import HTTPServer
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import Testing

/// The same server as the binary's, with deadlines that a test can wait for.
@Suite("Slow clients")
struct SlowClientTests {
    // Long enough for a client whose turn on a busy machine comes late.
    static let idleTimeout = TimeAmount.seconds(4)
    static let bodyPatience = TimeAmount.seconds(2)

    static let largeBytes = 600_000

    static let head = "POST /echo HTTP/1.1\r\nHost: x\r\n"

    @Test("A body that stalls is answered with 408, and the connection closed")
    func stalledBody() async throws {
        let answer = try await exchange(Self.head + "Content-Length: 9\r\n\r\nhalf")
        #expect(answer.hasPrefix("HTTP/1.1 408 "))
        #expect(answer.contains("\"code\":\"request_timeout\""))
        #expect(answer.contains("Connection: close"))
    }

    @Test("A body of which a chunk never ends is answered alike")
    func stalledChunk() async throws {
        let answer = try await exchange(
            Self.head + "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n9\r\nha")
        #expect(answer.hasPrefix("HTTP/1.1 408 "))
    }

    @Test("A head that stalls is not answered, and the connection closed")
    func stalledHead() async throws {
        #expect(try await exchange("POST /echo HTTP/1.1\r\nHos") == "")
    }

    @Test("A connection on which nothing comes is closed")
    func silence() async throws {
        #expect(try await exchange("") == "")
    }

    @Test("A connection that is kept open is closed once nothing comes any more")
    func silenceAfterAnAnswer() async throws {
        let answer = try await exchange(Self.head + "Content-Length: 4\r\n\r\ndone")
        #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.hasSuffix("\r\n\r\ndone"))
    }

    @Test("A request behind a stalled one is not taken for a request")
    func nothingBehindAStalledOne() async throws {
        let hidden = Self.head + "Content-Length: 0\r\n\r\n"
        let answer = try await exchange(Self.head + "Content-Length: 900\r\n\r\n" + hidden)
        #expect(answer.components("HTTP/1.1 ") == 1 && answer.hasPrefix("HTTP/1.1 408 "))
    }

    @Test("A body that arrives steadily above the rate is taken, however long that is")
    func steadyBody() async throws {
        let parts = (0..<12).map { _ in String(repeating: "x", count: 1500) }
        let answer = try await exchange(
            Self.head + "Content-Length: 18000\r\nConnection: close\r\n\r\n", then: parts,
            every: .milliseconds(300))
        #expect(answer.hasPrefix("HTTP/1.1 200 "))
    }

    /// The client would go on for half an hour: a server that only asks for something to come
    /// hangs.
    @Test(
        "A body that trickles is answered with 408, though something always comes",
        .timeLimit(.minutes(3)))
    func tricklingBody() async throws {
        let answer = try await exchange(
            Self.head + "Content-Length: 18000\r\n\r\n",
            then: [String](repeating: "x", count: 17_999), every: .milliseconds(100))
        #expect(answer.hasPrefix("HTTP/1.1 408 "))
    }

    @Test("An answer that is read steadily above the rate is sent whole, however long that is")
    func steadyReader() async throws {
        let answer = try await exchange(
            "GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            reading: 40_000, every: .milliseconds(60))
        #expect(answer.utf8.count > Self.largeBytes)
    }

    @Test("An answer that nobody reads any more is broken off")
    func stoppedReader() async throws {
        let answer = try await exchange(
            "GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            reading: Self.largeBytes, every: .seconds(6))
        #expect(answer.utf8.count < Self.largeBytes)
    }

    @Test("A pace is judged by what moved last and by all that moved")
    func pace() {
        let start = NIODeadline.now()
        var pace = Pace(patience: .seconds(10), rate: 100, now: start)
        #expect(pace.deadline == start + .seconds(10))
        pace.moved(500, at: start + .seconds(1))
        #expect(pace.deadline == start + .seconds(11))
        pace.moved(0, at: start + .seconds(9))
        #expect(pace.deadline == start + .seconds(15))
        pace.resumed(after: .seconds(3), at: start + .seconds(12))
        #expect(pace.deadline == start + .seconds(18))
    }

    /// Sends the text, then the parts, a pause before each, and returns what comes back until the
    /// server closes the connection: read at once, or so many bytes after each pause.
    private func exchange(
        _ text: String, then parts: [String] = [], reading bytes: Int? = nil,
        every pause: Duration = .zero
    ) async throws -> String {
        let (ports, found) = AsyncStream<Int>.makeStream()
        let server = EndpointServer(
            responder(), idleTimeout: Self.idleTimeout, maximumHeaderBytes: 4096,
            bodyPatience: Self.bodyPatience
        ).server(
            configuration: ServerConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { found.yield($0.localAddress?.port ?? 0) },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
        let running = Task { try await server.run() }
        defer { running.cancel() }
        var received = ""
        for await port in ports {
            if let bytes {
                received = try await SlowReader(port: port).read(text, bytes, every: pause)
            } else {
                received = try await talk(to: port, text, parts, pause)
            }
            break
        }
        return received
    }

    private func talk(
        to port: Int, _ text: String, _ parts: [String], _ pause: Duration
    ) async throws -> String {
        let connection = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel)
                }
            }
        return try await connection.executeThenClose { inbound, outbound in
            if !text.isEmpty { try await outbound.write(ByteBuffer(string: text)) }
            let sending = Task {
                for part in parts {
                    try await Task.sleep(for: pause)
                    try await outbound.write(ByteBuffer(string: part))
                }
            }
            defer { sending.cancel() }
            var received = ""
            for try await part in inbound { received += String(buffer: part) }
            return received
        }
    }

    private func responder() -> EndpointResponder {
        let echo = Endpoint(
            .post, "/echo", tag: "Test", name: "Echo", about: About("Echo", access: .open),
            contentType: "text/plain"
        ) { bytes, _ in bytes }
        let large = Endpoint(
            .get, "/large", tag: "Test", name: "Large", about: About("Large", access: .open),
            contentType: "text/plain"
        ) { _, _ in [UInt8](repeating: UInt8(ascii: "x"), count: Self.largeBytes) }
        return EndpointResponder(
            endpoints: [echo, large],
            calls: CallHandler(
                gatekeeper: EverybodyMay(), observer: Unobserved(), logger: logger,
                translate: { _ in nil }),
            policy: HTTPPolicy(corsOrigins: [], trustedProxies: []), logger: logger)
    }

    private var logger: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }
}

private struct EverybodyMay: Gatekeeper {
    func admit(_ call: inout Call, to access: Access) async throws {}
    func confirmActive(_ caller: Caller) async throws {}
}

private struct Unobserved: RequestObserver {
    func observe(_ observation: Observation) {}
}

/// A client of plain system calls, whose kernel keeps little for it.
private struct SlowReader {
    let socket: Int32

    struct Failure: Error {}

    init(port: Int) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var size: Int32 = 8192
        setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure() }
    }

    func read(_ text: String, _ bytes: Int, every pause: Duration) async throws -> String {
        defer { close(socket) }
        guard send(socket, text, text.utf8.count, 0) == text.utf8.count else { throw Failure() }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: bytes)
        while true {
            let count = recv(socket, &buffer, bytes, 0)
            guard count > 0 else { return String(decoding: received, as: UTF8.self) }
            received += buffer.prefix(count)
            // Who has paused for longer than the server waits gets no more than the kernel still
            // has.
            if received.count == count || bytes < SlowClientTests.largeBytes {
                try await Task.sleep(for: pause)
            }
        }
    }
}

extension String {
    fileprivate func components(_ separator: String) -> Int {
        split(separator: separator, omittingEmptySubsequences: true).count
    }
}
