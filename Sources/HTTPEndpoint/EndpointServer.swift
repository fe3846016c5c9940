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
    private let bodyDeadline: TimeAmount
    private let executors = EventLoopExecutors()

    /// - Parameters:
    ///   - idleTimeout: a connection on which nothing moves for this long is closed.
    ///   - maximumHeaderBytes: of one header, and of all headers of a request.
    ///   - bodyDeadline: how long a body may take to arrive; half a minute if not given.
    public init(
        _ responder: EndpointResponder, idleTimeout: TimeAmount, maximumHeaderBytes: Int,
        bodyDeadline: TimeAmount? = nil
    ) {
        self.responder = responder
        self.idleTimeout = idleTimeout
        self.maximumHeaderBytes = maximumHeaderBytes
        self.bodyDeadline = bodyDeadline ?? EndpointConnection.bodyDeadline
    }

    public func setup(
        channel: any Channel, logger: Logger
    ) -> EventLoopFuture<Connection> {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = maximumHeaderBytes
        limits.maxHeaderListSize = maximumHeaderBytes
        limits.maxHeaderFieldCount = 100
        return channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(
                ByteToMessageHandler(HTTPRequestDecoder(limitConfiguration: limits)))
            try pipeline.addHandler(
                EndpointConnection(
                    responder, executor: executors.executor(of: channel.eventLoop),
                    idleTimeout: idleTimeout, bodyDeadline: bodyDeadline))
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
