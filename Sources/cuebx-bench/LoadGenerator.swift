import Foundation
import NIOCore
import NIOPosix
import Shell
import Synchronization
import Values

/// What a load has shown.
struct LoadFigures: Sendable {
    var seconds = 0.0
    /// Milliseconds of each validate and each commit.
    var validate: [Double] = []
    var commit: [Double] = []
    var errors = 0

    var cycles: Int { validate.count }
    var cyclesPerSecond: Double { Double(cycles) / seconds }

    static func += (left: inout LoadFigures, right: LoadFigures) {
        left.seconds += right.seconds
        left.validate += right.validate
        left.commit += right.commit
        left.errors += right.errors
    }
}

/// Clients in a closed loop, each on its own connection: validate, commit, and again. One event
/// loop and no HTTP library, so that the generator leaves the machine to the server.
struct LoadGenerator: Sendable {
    /// Of the servers that the clients are dealt out to.
    let ports: [Int]
    let users: [BenchServer.User]
    let seconds: Int

    func run(progress: @Sendable (String) -> Void) async throws -> LoadFigures {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        try await Self.yieldToServer(on: group)
        let tally = LoadTally()
        var channels: [any Channel] = []
        let start = ContinuousClock.now
        for (number, user) in users.enumerated() {
            let channel = try await ClientBootstrap(group: group)
                .channelOption(ChannelOptions.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.pipeline.addHandler(CycleClient(user: user, tally: tally))
                }
                .connect(host: "127.0.0.1", port: ports[number % ports.count]).get()
            channels.append(channel)
        }
        try await ProgressBar.show("load") { listener in
            for second in 1...seconds {
                try await Task.sleep(for: .seconds(1))
                guard let listener else {
                    progress("  \(second) s: \(tally.cycles) cycles")
                    continue
                }
                listener(WorkProgress(Int64(second), of: Int64(seconds), .seconds))
            }
        }
        tally.stop()
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        for channel in channels { try await channel.close().get() }
        try await group.shutdownGracefully()
        return tally.figures(elapsed: elapsed)
    }
}

extension LoadGenerator {
    /// Real clients run on machines of their own. Here an answer would have the generator push the
    /// server off its core, once for each request; as a batch process it waits its turn.
    static func yieldToServer(on group: MultiThreadedEventLoopGroup) async throws {
        try await group.next().submit {
            let batch: Int32 = 3
            var parameters = sched_param()
            sched_setscheduler(0, batch, &parameters)
        }.get()
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
            figures.seconds = elapsed
            return figures
        }
    }
}

/// One client. It patches requests that were made beforehand and searches the answers' bytes, so
/// that what it costs is small beside what the server does for it.
private final class CycleClient: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Step {
        case validating
        case committing
    }

    private let tally: LoadTally
    private let validateRequest: [UInt8]
    private let validateNumber: Int
    private let commitRequest: [UInt8]
    private let commitID: Int
    private var number = 0
    private var step = Step.validating
    private var received = ByteBuffer()
    private var sentAt = ContinuousClock.now
    private var validateTime = Duration.zero

    init(user: BenchServer.User, tally: LoadTally) {
        self.tally = tally
        (validateRequest, validateNumber) = Self.request(
            "\(user.path)/validate",
            """
            {\(user.asking)"request_id":"\(UUID().uuidString)-######",\
            "feature_key":"\(user.feature)",\
            "endpoint":"/v1/job-match","method":"POST",\
            "payload_hash":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",\
            "usage_estimate":{"input_chars":4200,"max_output_tokens":800,"model":"coach-1"}}
            """,
            user.authorization, mark: "######")
        let anyID = String(repeating: "#", count: 36)
        (commitRequest, commitID) = Self.request(
            "\(user.path)/commit",
            """
            {\(user.holder),"usage_id":"\(anyID)","success":true,\
            "metrics":{"model_used":"coach-1","input_tokens":1200,"output_tokens":512,\
            "latency_ms":840}}
            """,
            "", mark: anyID)
    }

    func channelActive(context: ChannelHandlerContext) {
        validate(context)
    }

    private func validate(_ context: ChannelHandlerContext) {
        number += 1
        step = .validating
        send(validateRequest, patching: validateNumber, with: Self.sixDigits(number), context)
    }

    private func commit(_ usageID: [UInt8], _ context: ChannelHandlerContext) {
        step = .committing
        send(commitRequest, patching: commitID, with: usageID, context)
    }

    private func send(
        _ request: [UInt8], patching place: Int, with bytes: [UInt8],
        _ context: ChannelHandlerContext
    ) {
        var buffer = context.channel.allocator.buffer(bytes: request)
        buffer.setBytes(bytes, at: place)
        sentAt = .now
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    private static func sixDigits(_ number: Int) -> [UInt8] {
        Array(String(1_000_000 + number % 1_000_000).utf8.dropFirst())
    }

    /// - Returns: the request's bytes, and where in them the mark stands.
    private static func request(
        _ path: String, _ body: String, _ headers: String, mark: String
    ) -> (bytes: [UInt8], mark: Int) {
        let text = """
            POST \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(headers)\
            X-Internal-API-Key: dev-internal-key\r\nContent-Type: application/json\r\n\
            Content-Length: \(body.utf8.count)\r\n\r\n\(body)
            """
        let bytes = Array(text.utf8)
        let place = text.range(of: mark).map {
            text.utf8.distance(
                from: text.startIndex, to: $0.lowerBound)
        }
        return (bytes, place ?? 0)
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
struct LoadAnswer {
    let isOK: Bool
    let usageID: [UInt8]?

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
        self.init(isOK: bytes.end(of: "HTTP/1.1 200 ") != nil, bytes)
    }

    private init(isOK: Bool, _ bytes: UnsafeRawBufferPointer) {
        self.isOK = isOK
        usageID = bytes.end(of: "\"usage_id\":\"").map {
            Array(bytes[$0...].prefix(36))
        }
    }

    /// - Returns: the answers to a batch's operations; `nil` while they have not arrived whole.
    static func ofBatch(_ bytes: UnsafeRawBufferPointer) -> [LoadAnswer]? {
        guard let whole = LoadAnswer(bytes) else { return nil }
        guard whole.isOK else { return [] }
        let mark: StaticString = "{\"status\":"
        var starts: [Int] = []
        var rest = bytes
        var passed = 0
        while let end = rest.end(of: mark) {
            passed += end
            starts.append(passed)
            rest = UnsafeRawBufferPointer(rebasing: bytes[passed...])
        }
        return starts.indices.map { index in
            let end = index + 1 < starts.count ? starts[index + 1] : bytes.count
            let part = UnsafeRawBufferPointer(rebasing: bytes[starts[index]..<end])
            return LoadAnswer(isOK: part.starts(with: Array("200".utf8)), part)
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Where the first occurrence of this text ends.
    fileprivate func end(of text: StaticString) -> Int? {
        let length = text.utf8CodeUnitCount
        guard let base = baseAddress, count >= length else { return nil }
        var start = 0
        while start <= count - length,
            let found = memchr(base + start, Int32(text.utf8Start[0]), count - length - start + 1)
        {
            if memcmp(found, text.utf8Start, length) == 0 {
                return UnsafeRawPointer(found) - base + length
            }
            start = UnsafeRawPointer(found) - base + 1
        }
        return nil
    }
}
