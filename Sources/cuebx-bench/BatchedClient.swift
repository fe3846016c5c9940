import ArgumentParser
import Foundation
import NIOCore
import NIOPosix
import Service

/// A client process of ``BatchedLoad``.
struct BatchedClient: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "batched-client",
        abstract: "The callers of one client process; the bench starts it.",
        shouldDisplay: false)

    @Option var port: Int
    @Option var seconds: Int
    @Option var product = BenchProduct.career

    func run() async throws {
        var users: [BenchServer.User] = []
        while let line = readLine() {
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 2 else { throw FriendlyError("a user is an id and a token") }
            users.append(BenchServer.User(id: words[0], token: words[1], product: product))
        }
        let callers = users
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        try await LoadGenerator.yieldToServer(on: group)
        let tally = LoadTally()
        let start = ContinuousClock.now
        let channel = try await ClientBootstrap(group: group)
            .channelOption(ChannelOptions.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.pipeline.addHandler(BatchClient(users: callers, tally: tally))
            }
            .connect(host: "127.0.0.1", port: port).get()
        try await Task.sleep(for: .seconds(seconds))
        tally.stop()
        let figures = tally.figures(elapsed: (ContinuousClock.now - start) / .seconds(1))
        try await channel.close().get()
        try await group.shutdownGracefully()
        print("seconds \(figures.seconds)\nerrors \(figures.errors)")
        print(
            "validate", figures.validate.map { String(format: "%.3f", $0) }.joined(separator: " "))
        print("commit", figures.commit.map { String(format: "%.3f", $0) }.joined(separator: " "))
    }
}

/// The callers of a process, on one connection: each validates, commits, and again. What they ask
/// while a batch is in flight makes the next one.
private final class BatchClient: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private struct Caller {
        let validateParts: (before: [UInt8], after: [UInt8])
        let commitParts: (before: [UInt8], after: [UInt8])
        var number = 0
        /// Of the call that is to be committed; `nil` while it is being validated.
        var usageID: [UInt8]?
        var askedAt = ContinuousClock.now
        var validateTime = Duration.zero
    }

    private let tally: LoadTally
    private let path: String
    private var callers: [Caller]
    /// Those whose operation waits for the next batch.
    private var gathered: [Int] = []
    private var inFlight: [Int] = []
    private var received = ByteBuffer()

    init(users: [BenchServer.User], tally: LoadTally) {
        self.tally = tally
        path = users.first?.path ?? "/career/internal/usage"
        callers = users.map { user in
            let validate = """
                {"op":"validate",\(user.askingInBatch)"feature_key":"\(user.feature)",\
                "endpoint":"/v1/job-match","method":"POST",\
                "payload_hash":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",\
                "usage_estimate":{"input_chars":4200,"max_output_tokens":800,"model":"coach-1"},\
                "request_id":"\(UUID().uuidString)-
                """
            let commit = """
                {"op":"commit",\(user.holder),"success":true,\
                "metrics":{"model_used":"coach-1","input_tokens":1200,"output_tokens":512,\
                "latency_ms":840},"usage_id":"
                """
            let end = Array("\"}".utf8)
            return Caller(
                validateParts: (Array(validate.utf8), end), commitParts: (Array(commit.utf8), end))
        }
    }

    func channelActive(context: ChannelHandlerContext) {
        for caller in callers.indices { ask(caller) }
        send(context)
    }

    private func ask(_ caller: Int) {
        callers[caller].askedAt = .now
        if callers[caller].usageID == nil { callers[caller].number += 1 }
        gathered.append(caller)
    }

    private func send(_ context: ChannelHandlerContext) {
        inFlight = gathered
        gathered = []
        var body = ByteBuffer()
        for (place, index) in inFlight.enumerated() {
            let caller = callers[index]
            body.writeStaticString(place == 0 ? "{\"operations\":[" : ",")
            let parts = caller.usageID == nil ? caller.validateParts : caller.commitParts
            body.writeBytes(parts.before)
            if let usageID = caller.usageID {
                body.writeBytes(usageID)
            } else {
                body.writeString(String(caller.number))
            }
            body.writeBytes(parts.after)
        }
        body.writeStaticString("]}")
        var request = ByteBuffer(
            string: """
                POST \(path)/batch HTTP/1.1\r\nHost: 127.0.0.1\r\n\
                X-Internal-API-Key: dev-internal-key\r\nContent-Type: application/json\r\n\
                Content-Length: \(body.readableBytes)\r\n\r\n
                """)
        request.writeBuffer(&body)
        context.writeAndFlush(wrapOutboundOut(request), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        let answers = received.withUnsafeReadableBytes { LoadAnswer.ofBatch($0) }
        guard let answers else { return }
        received.clear()
        guard !tally.stopped else { return }
        if answers.count != inFlight.count {
            tally.fail()
            context.close(promise: nil)
            return
        }
        for (caller, answer) in zip(inFlight, answers) { answered(caller, answer) }
        send(context)
    }

    private func answered(_ index: Int, _ answer: LoadAnswer) {
        let elapsed = ContinuousClock.now - callers[index].askedAt
        switch (callers[index].usageID, answer.isOK, answer.usageID) {
        case (nil, true, let usageID?):
            callers[index].validateTime = elapsed
            callers[index].usageID = usageID
        case (.some, true, _):
            tally.cycle(validate: callers[index].validateTime, commit: elapsed)
            callers[index].usageID = nil
        default:
            tally.fail()
            callers[index].usageID = nil
        }
        ask(index)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        tally.fail()
        context.close(promise: nil)
    }
}
