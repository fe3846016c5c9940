import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// One client's connection: takes a request in, has it answered, writes the answer. Used on its
/// event loop alone.
final class EndpointConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundOut = HTTPResponsePart

    static let maximumBodyBytes = 1 << 20
    /// How long a body may take to arrive.
    static let bodyDeadline = TimeAmount.seconds(30)
    /// After an answer to a request that did not arrive whole, what still comes is read and
    /// dropped for this long: closing at once could take the answer back from the client.
    static let linger = TimeAmount.seconds(1)

    private enum State {
        case idle
        /// The head is here, the body is arriving.
        case reading(HTTPRequest, ByteBuffer)
        case answering
        /// No further request is taken.
        case closing
    }

    private let responder: EndpointResponder
    private let executor: EventLoopExecutor
    private var state = State.idle
    private var deadline: Scheduled<Void>?
    /// The client says that this request is its last, or cannot send another.
    private var isLastRequest = false
    private var address = "unknown"

    init(_ responder: EndpointResponder, executor: EventLoopExecutor) {
        self.responder = responder
        self.executor = executor
    }

    func channelActive(context: ChannelHandlerContext) {
        address = context.remoteAddress?.ipAddress ?? "unknown"
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), .idle):
            state = .reading(head, ByteBuffer())
            isLastRequest = head.headerFields[.connection]?.lowercased() == "close"
            let length = head.headerFields[.contentLength].flatMap { Int($0) } ?? 0
            if length > Self.maximumBodyBytes {
                refuse(.tooLarge, context)
            } else if head.headerFields[.expect]?.lowercased() == "100-continue" {
                context.writeAndFlush(
                    wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
            }
        case (.body(var part), .reading(let head, var body)):
            guard body.readableBytes + part.readableBytes <= Self.maximumBodyBytes else {
                refuse(.tooLarge, context)
                return
            }
            // The state lets go of its buffer first, so that appending does not copy it.
            state = .answering
            if body.readableBytes == 0 { body = part } else { body.writeBuffer(&part) }
            state = .reading(head, body)
        case (.end, .reading(let head, let body)):
            deadline?.cancel()
            deadline = nil
            state = .answering
            answer(head, .success(body), context)
        default: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if case .reading = state, deadline == nil {
            let context = NIOLoopBound(context, eventLoop: context.eventLoop)
            deadline = context.eventLoop.scheduleTask(in: Self.bodyDeadline) {
                self.refuse(.requestTimeout, context.value)
            }
        }
        context.fireChannelReadComplete()
    }

    /// Answers a request whose body did not arrive whole, and takes no other.
    private func refuse(_ problem: Problem, _ context: ChannelHandlerContext) {
        guard case .reading(let head, _) = state else { return }
        deadline?.cancel()
        state = .closing
        answer(head, .failure(problem), context)
    }

    private func answer(
        _ head: HTTPRequest, _ body: Result<ByteBuffer, Problem>,
        _ context: ChannelHandlerContext
    ) {
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        let (responder, address) = (self.responder, self.address)
        Task.immediate(executorPreference: executor) {
            let answer = await responder.respond(to: head, body: body, from: address)
            self.write(answer, context.value)
        }
    }

    private func write(_ answer: EndpointResponder.Output, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        var head = answer.head
        let arrivedWhole: Bool
        if case .closing = state { arrivedWhole = false } else { arrivedWhole = true }
        if isLastRequest || !arrivedWhole { head.headerFields[.connection] = "close" }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if answer.body.readableBytes > 0 {
            context.write(wrapOutboundOut(.body(answer.body)), promise: nil)
        }
        guard isLastRequest || !arrivedWhole else {
            state = .idle
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            return
        }
        state = .closing
        close(context, after: arrivedWhole ? .zero : Self.linger)
    }

    /// Ends the answer and closes.
    private func close(_ context: ChannelHandlerContext, after linger: TimeAmount) {
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            channel.eventLoop.scheduleTask(in: linger) { channel.close(promise: nil) }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed, is IdleStateHandler.IdleStateEvent:
            if case .answering = state {
                if event is ChannelEvent { isLastRequest = true }
            } else {
                context.close(promise: nil)
            }
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    /// What is not HTTP is answered with 400; a connection that failed is closed.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch state {
        case .reading where error is HTTPParserError: refuse(.badRequest, context)
        case .idle where error is HTTPParserError:
            state = .closing
            let answer = responder.answerToNoRequest(.badRequest)
            write(answer, context)
        default: context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }
}
