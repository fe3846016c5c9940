import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// What a load has shown.
struct LoadFigures: Sendable {
    var cyclesPerSecond = 0.0
    /// Milliseconds of each validate and each commit.
    var validate: [Double] = []
    var commit: [Double] = []
    var errors = 0
}

/// Clients in a closed loop, each on its own connection: validate, commit, and again. One event
/// loop and no HTTP library, so that the generator leaves the machine to the server.
struct LoadGenerator: Sendable {
    let port: Int
    let users: [BenchServer.User]
    let seconds: Int

    func run(progress: @Sendable (String) -> Void) async throws -> LoadFigures {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let tally = LoadTally()
        var channels: [any Channel] = []
        let start = ContinuousClock.now
        for user in users {
            let channel = try await ClientBootstrap(group: group)
                .channelOption(ChannelOptions.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.pipeline.addHandler(CycleClient(user: user, tally: tally))
                }
                .connect(host: "127.0.0.1", port: port).get()
            channels.append(channel)
        }
        for second in 1...seconds {
            try await Task.sleep(for: .seconds(1))
            progress("  \(second) s: \(tally.cycles) cycles")
        }
        tally.stop()
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        for channel in channels { try await channel.close().get() }
        try await group.shutdownGracefully()
        return tally.figures(elapsed: elapsed)
    }
}

/// Sums up what the clients see.
final class LoadTally: Sendable {
    private let figures = Mutex(LoadFigures())
    private let count = Atomic<Int>(0)
    private let isStopped = Atomic<Bool>(false)

    var cycles: Int { count.load(ordering: .relaxed) }
    var stopped: Bool { isStopped.load(ordering: .relaxed) }

    func stop() {
        isStopped.store(true, ordering: .relaxed)
    }

    func cycle(validate: Duration, commit: Duration) {
        count.add(1, ordering: .relaxed)
        figures.withLock {
            $0.validate.append(validate / .milliseconds(1))
            $0.commit.append(commit / .milliseconds(1))
        }
    }

    func fail() {
        figures.withLock { $0.errors += 1 }
    }

    func figures(elapsed: Double) -> LoadFigures {
        figures.withLock { figures in
            figures.cyclesPerSecond = Double(figures.validate.count) / elapsed
            return figures
        }
    }
}

/// One client. It reads and writes bytes, so that what it costs is small beside what the server
/// does for it.
private final class CycleClient: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Step {
        case validating
        case committing
    }

    private let user: BenchServer.User
    private let tally: LoadTally
    private let prefix = UUID().uuidString
    private var number = 0
    private var step = Step.validating
    private var received = ByteBuffer()
    private var sentAt = ContinuousClock.now
    private var validateTime = Duration.zero

    init(user: BenchServer.User, tally: LoadTally) {
        self.user = user
        self.tally = tally
    }

    func channelActive(context: ChannelHandlerContext) {
        validate(context)
    }

    private func validate(_ context: ChannelHandlerContext) {
        number += 1
        step = .validating
        let body = """
            {"request_id":"\(prefix)-\(number)","feature_key":"career.job_match",\
            "endpoint":"/v1/job-match","method":"POST",\
            "payload_hash":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",\
            "usage_estimate":{"input_chars":4200,"max_output_tokens":800,"model":"coach-1"}}
            """
        send(
            "/career/internal/usage/validate", body, "Authorization: Bearer \(user.token)\r\n",
            context)
    }

    private func commit(_ usageID: String, _ context: ChannelHandlerContext) {
        step = .committing
        let body = """
            {"user_id":"\(user.id)","usage_id":"\(usageID)","success":true,\
            "metrics":{"model_used":"coach-1","input_tokens":1200,"output_tokens":512,\
            "latency_ms":840}}
            """
        send("/career/internal/usage/commit", body, "", context)
    }

    private func send(
        _ path: String, _ body: String, _ headers: String, _ context: ChannelHandlerContext
    ) {
        let request = """
            POST \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(headers)\
            X-Internal-API-Key: dev-internal-key\r\nContent-Type: application/json\r\n\
            Content-Length: \(body.utf8.count)\r\n\r\n\(body)
            """
        sentAt = .now
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: request)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        let answer = received.withUnsafeReadableBytes { LoadAnswer($0) }
        guard let answer else { return }
        received.clear()
        answered(answer, context)
    }

    private func answered(_ answer: LoadAnswer, _ context: ChannelHandlerContext) {
        guard !tally.stopped else { return }
        let elapsed = ContinuousClock.now - sentAt
        switch (step, answer.isOK, answer.usageID) {
        case (.validating, true, let usageID?):
            validateTime = elapsed
            commit(usageID, context)
        case (.committing, true, _):
            tally.cycle(validate: validateTime, commit: elapsed)
            validate(context)
        default:
            tally.fail()
            validate(context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        tally.fail()
        context.close(promise: nil)
    }
}

/// What the load needs of an answer.
private struct LoadAnswer {
    let isOK: Bool
    let usageID: String?

    /// - Returns: `nil` while the answer has not arrived whole.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard let headEnd = bytes.end(of: "\r\n\r\n"),
            let lengthStart = bytes.end(of: "\r\nContent-Length: ")
        else { return nil }
        var length = 0
        for byte in bytes[lengthStart...] {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { break }
            length = length * 10 + Int(byte - UInt8(ascii: "0"))
        }
        guard bytes.count >= headEnd + length else { return nil }
        isOK = bytes.end(of: "HTTP/1.1 200 ") != nil
        usageID = bytes.end(of: "\"usage_id\":\"").map {
            String(decoding: bytes[$0...].prefix(36), as: UTF8.self)
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Where the first occurrence of this text ends.
    fileprivate func end(of text: StaticString) -> Int? {
        let length = text.utf8CodeUnitCount
        guard let base = baseAddress, count >= length else { return nil }
        let start = (0...count - length).first { memcmp(base + $0, text.utf8Start, length) == 0 }
        return start.map { $0 + length }
    }
}
