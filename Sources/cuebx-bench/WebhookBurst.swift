import Foundation
import NIOCore
import NIOPosix
import Service
import Synchronization

/// A signed webhook, ready to be sent.
struct SignedEvent: Sendable {
    let request: [UInt8]

    init(body: [UInt8], signature: String) {
        let head = """
            POST /webhooks/stripe HTTP/1.1\r\nHost: 127.0.0.1\r\n\
            Content-Type: application/json\r\nStripe-Signature: \(signature)\r\n\
            Content-Length: \(body.count)\r\n\r\n
            """
        request = Array(head.utf8) + body
    }
}

/// What a burst has shown.
struct BurstFigures: Sendable {
    /// Milliseconds from each request to its acknowledgement.
    var acknowledged: [Double] = []
    /// Answers other than 200; the event was sent again, as Stripe does.
    var refused = 0
}

/// Sends events over real HTTP, each until it is acknowledged, on a number of connections.
struct WebhookBurst: Sendable {
    let port: Int
    let events: [SignedEvent]
    let connections: Int

    /// - Returns: once every event is acknowledged.
    func run() async throws -> BurstFigures {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let state = BurstState(events)
        do {
            var channels: [any Channel] = []
            for _ in 0..<connections {
                let channel = try await ClientBootstrap(group: group)
                    .channelOption(ChannelOptions.tcpOption(.tcp_nodelay), value: 1)
                    .channelInitializer { channel in
                        channel.pipeline.addHandler(BurstClient(state))
                    }
                    .connect(host: "127.0.0.1", port: port).get()
                channels.append(channel)
            }
            for channel in channels { try await channel.closeFuture.get() }
            // What the closing has left on the loops comes to its end before they do.
            for _ in 0..<2 { try await group.next().submit {}.get() }
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
        let (figures, lost) = state.outcome
        guard lost == 0 else { throw FriendlyError("\(lost) events were not acknowledged") }
        return figures
    }
}

/// What the connections share.
private final class BurstState: Sendable {
    private struct Shared {
        var next = 0
        var figures = BurstFigures()
    }

    private let events: [SignedEvent]
    private let shared = Mutex(Shared())

    init(_ events: [SignedEvent]) {
        self.events = events
    }

    func takeEvent() -> SignedEvent? {
        shared.withLock { shared in
            guard shared.next < events.count else { return nil }
            defer { shared.next += 1 }
            return events[shared.next]
        }
    }

    func acknowledged(after elapsed: Duration) {
        shared.withLock { $0.figures.acknowledged.append(elapsed / .milliseconds(1)) }
    }

    func refused() {
        shared.withLock { $0.figures.refused += 1 }
    }

    var outcome: (figures: BurstFigures, lost: Int) {
        shared.withLock { ($0.figures, events.count - $0.figures.acknowledged.count) }
    }
}

/// One connection: sends an event, waits for its answer, sends the next.
private final class BurstClient: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let state: BurstState
    private var event: SignedEvent?
    private var received = ByteBuffer()
    private var sentAt = ContinuousClock.now

    init(_ state: BurstState) {
        self.state = state
    }

    func channelActive(context: ChannelHandlerContext) {
        sendNext(context)
    }

    private func sendNext(_ context: ChannelHandlerContext) {
        event = state.takeEvent()
        send(context)
    }

    private func send(_ context: ChannelHandlerContext) {
        guard let event else {
            context.close(promise: nil)
            return
        }
        sentAt = .now
        let buffer = context.channel.allocator.buffer(bytes: event.request)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        let answer = received.withUnsafeReadableBytes { LoadAnswer($0) }
        guard let answer else { return }
        received.clear()
        if answer.isOK {
            state.acknowledged(after: .now - sentAt)
            sendNext(context)
        } else {
            state.refused()
            send(context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
