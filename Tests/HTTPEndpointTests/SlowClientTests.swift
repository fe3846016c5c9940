import HTTPEndpoint
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
    static let bodyDeadline = TimeAmount.seconds(2)

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

    /// Sends the text, and returns what comes back until the server closes the connection.
    private func exchange(_ text: String) async throws -> String {
        let (ports, found) = AsyncStream<Int>.makeStream()
        let server = EndpointServer(
            responder(), idleTimeout: Self.idleTimeout, maximumHeaderBytes: 4096,
            bodyDeadline: Self.bodyDeadline
        ).server(
            configuration: ServerConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { found.yield($0.localAddress?.port ?? 0) },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
        let running = Task { try await server.run() }
        defer { running.cancel() }
        var received = ""
        for await port in ports {
            received = try await talk(to: port, text)
            break
        }
        return received
    }

    private func talk(to port: Int, _ text: String) async throws -> String {
        let connection = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel)
                }
            }
        return try await connection.executeThenClose { inbound, outbound in
            if !text.isEmpty { try await outbound.write(ByteBuffer(string: text)) }
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
        return EndpointResponder(
            endpoints: [echo], gatekeeper: EverybodyMay(),
            policy: HTTPPolicy(corsOrigins: [], trustedProxies: []), observer: Unobserved(),
            logger: logger, translate: { _ in nil })
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

extension String {
    fileprivate func components(_ separator: String) -> Int {
        split(separator: separator, omittingEmptySubsequences: true).count
    }
}
