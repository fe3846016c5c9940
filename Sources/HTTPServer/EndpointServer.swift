import HTTPEndpoint
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// The endpoints on HTTP/1.1. Hummingbird's server listens, bounds the number of connections and
/// shuts down gracefully; NIO parses requests; what a connection does with one is
/// ``EndpointConnection``.
///
/// Requests are handled on the event loop of their connection. What blocks or computes for long
/// must leave it, as the ledger, the database and password hashing do.
public struct EndpointServer: ServerChildChannel {
    public struct Connection: ServerChildChannelValue {
        public let channel: any Channel
    }

    private let responder: EndpointResponder
    private let idleTimeout: TimeAmount
    private let maximumHeaderBytes: Int
    private let bodyPatience: TimeAmount
    private let executors = EventLoopExecutors()
    private let held = HeldBytes()

    /// Answers that the kernel keeps for a client: little enough that its reading is noticed.
    private static let sendBufferBytes = 64 << 10
    /// Answers that wait for the kernel, before the next request is taken, and when it is again.
    private static let watermark = ChannelOptions.Types.WriteBufferWaterMark(
        low: 4 << 10, high: 16 << 10)

    /// - Parameters:
    ///   - idleTimeout: a connection on which nothing moves for this long is closed.
    ///   - maximumHeaderBytes: of one header, and of all headers of a request.
    ///   - bodyPatience: how long a body may stand still; half a minute if not given.
    public init(
        _ responder: EndpointResponder, idleTimeout: TimeAmount, maximumHeaderBytes: Int,
        bodyPatience: TimeAmount? = nil
    ) {
        self.responder = responder
        self.idleTimeout = idleTimeout
        self.maximumHeaderBytes = maximumHeaderBytes
        self.bodyPatience = bodyPatience ?? EndpointConnection.bodyPatience
    }

    public func setup(
        channel: any Channel, logger: Logger
    ) -> EventLoopFuture<Connection> {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = maximumHeaderBytes
        limits.maxHeaderListSize = maximumHeaderBytes
        limits.maxHeaderFieldCount = 100
        return channel.eventLoop.makeCompletedFuture {
            try channel.syncOptions?.setOption(.writeBufferWaterMark, value: Self.watermark)
            try channel.syncOptions?.setOption(
                .socketOption(.so_sndbuf), value: Self.sendBufferBytes)
            let pipeline = channel.pipeline.syncOperations
            let decoder = RequestDecoder(limits)
            try pipeline.addHandler(ByteToMessageHandler(decoder))
            try pipeline.addHandler(
                EndpointConnection(
                    responder, decoder: decoder,
                    executor: executors.executor(of: channel.eventLoop), held: held,
                    idleTimeout: idleTimeout, bodyPatience: bodyPatience))
            return Connection(channel: channel)
        }
    }

    /// Returns once the connection is closed.
    public func handle(value: Connection, logger: Logger) async {
        do {
            try await withTaskCancellationHandler {
                try await value.channel.closeFuture.get()
            } onCancel: {
                value.channel.close(promise: nil)
            }
        } catch {
            logger.debug("connection failed", metadata: ["error": "\(error)"])
        }
    }
}
