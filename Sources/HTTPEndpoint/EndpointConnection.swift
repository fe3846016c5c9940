import NIOCore
import NIOExtras
import NIOHTTP1

/// One client's connection: takes a request in, has it answered, writes the answer. Requests that
/// are sent ahead wait their turn. Used on its event loop alone.
final class EndpointConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    static let maximumBodyBytes = 1 << 20
    /// How long a body may take to arrive.
    static let bodyDeadline = TimeAmount.seconds(30)
    /// After an answer to a request that did not arrive whole, what still comes is read and
    /// dropped for this long: closing at once could take the answer back from the client.
    static let linger = TimeAmount.seconds(1)
    /// Parts of requests sent ahead that are kept; reading pauses beyond it.
    static let maximumWaiting = 32

    private enum State {
        case idle
        /// The head is here, the body is arriving.
        case reading(HTTPRequestHead, ByteBuffer)
        case answering
        /// The client reads its answer slowly: its next request waits until the answer is gone, so
        /// that the answers of one connection cannot pile up in memory.
        case draining
        /// A request that did not arrive whole is being answered; no other is taken.
        case refusing
        case closing
    }

    private let responder: EndpointResponder
    private let executor: EventLoopExecutor
    private let idleTimeout: TimeAmount
    private let bodyDeadline: TimeAmount
    private var state = State.idle
    private var waiting = CircularBuffer<HTTPServerRequestPart>()
    private var deadline: Scheduled<Void>?
    private var idleCheck: Scheduled<Void>?
    private var lastMove = NIODeadline.now()
    /// The client says that this request is its last, or the server is shutting down.
    private var isLastRequest = false
    private var hasAsked = false
    /// The client will send no more; what it has sent is still answered.
    private var isInputClosed = false
    /// An answer that is written while the next request is taken leaves the next to the loop that
    /// took it: thousands of requests sent ahead must not become thousands of stack frames.
    private var isGoingOn = false
    private var address = "unknown"

    init(
        _ responder: EndpointResponder, executor: EventLoopExecutor, idleTimeout: TimeAmount,
        bodyDeadline: TimeAmount = bodyDeadline
    ) {
        self.responder = responder
        self.executor = executor
        self.idleTimeout = idleTimeout
        self.bodyDeadline = bodyDeadline
    }

    func channelActive(context: ChannelHandlerContext) {
        address = context.remoteAddress?.ipAddress ?? "unknown"
        checkIdle(in: idleTimeout, context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        idleCheck?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // What comes after the last answer moves nothing: a client that sends on and reads nothing
        // is idle.
        if case .closing = state { return }
        lastMove = .now()
        let part = unwrapInboundIn(data)
        switch state {
        case .answering, .draining:
            waiting.append(part)
            if waiting.count == Self.maximumWaiting { setReading(false, context) }
        default: take(part, context)
        }
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch (part, state) {
        case (.head(let head), .idle): begin(head, context)
        case (.body(var part), .reading(let head, var body)):
            guard body.readableBytes + part.readableBytes <= Self.maximumBodyBytes else {
                refuse(.tooLarge, context)
                return
            }
            // The state lets go of its buffer first, so that appending does not copy it.
            state = .idle
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

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        state = .reading(head, ByteBuffer())
        hasAsked = true
        if !head.isKeepAlive { isLastRequest = true }
        let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
        if !head.isUnambiguous {
            refuse(.badRequest, context)
        } else if length > Self.maximumBodyBytes {
            refuse(.tooLarge, context)
        } else if head.headers.first(name: "expect")?.lowercased() == "100-continue" {
            let goOn = context.channel.allocator.buffer(string: "HTTP/1.1 100 Continue\r\n\r\n")
            context.writeAndFlush(wrapOutboundOut(goOn), promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        waitForBody(context)
        context.fireChannelReadComplete()
    }

    private func waitForBody(_ context: ChannelHandlerContext) {
        guard case .reading = state, deadline == nil else { return }
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: bodyDeadline) {
            self.refuse(.requestTimeout, context.value)
        }
    }

    /// Answers a request that did not arrive whole, and takes no other.
    private func refuse(_ problem: Problem, _ context: ChannelHandlerContext) {
        guard case .reading(let head, _) = state else { return }
        deadline?.cancel()
        state = .refusing
        answer(head, .failure(problem), context)
    }

    private func answer(
        _ head: HTTPRequestHead, _ body: Result<ByteBuffer, Problem>,
        _ context: ChannelHandlerContext
    ) {
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        let (responder, address) = (self.responder, self.address)
        Task.immediate(executorPreference: executor) {
            let answer = await responder.respond(to: head, body: body, from: address)
            self.write(answer, isHead: head.method == .HEAD, context.value)
        }
    }

    private func write(_ answer: Answer, isHead: Bool, _ context: ChannelHandlerContext) {
        lastMove = .now()
        guard context.channel.isActive else { return }
        switch state {
        case .answering where !isLastRequest && !(isInputClosed && waiting.isEmpty):
            context.writeAndFlush(
                wrapOutboundOut(answer.bytes(isHead: isHead, closes: false)), promise: nil)
            state = .draining
            goOn(context)
        case let former:
            state = .closing
            let channel = context.channel
            var linger = isInputClosed ? .zero : Self.linger
            if case .answering = former { linger = .zero }
            context.writeAndFlush(wrapOutboundOut(answer.bytes(isHead: isHead, closes: true)))
                .whenComplete { [linger] _ in
                    channel.eventLoop.scheduleTask(in: linger) { channel.close(promise: nil) }
                }
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        goOn(context)
        context.fireChannelWritabilityChanged()
    }

    /// Takes the next request once the client has read enough of the last answer.
    private func goOn(_ context: ChannelHandlerContext) {
        guard !isGoingOn else { return }
        isGoingOn = true
        defer { isGoingOn = false }
        while case .draining = state, context.channel.isWritable {
            state = .idle
            takeWaiting(context)
        }
        waitForBody(context)
        if case .idle = state, isInputClosed || isLastRequest { closeWhenWritten(context) }
    }

    private func takeWaiting(_ context: ChannelHandlerContext) {
        guard !waiting.isEmpty else { return }
        let wasFull = waiting.count >= Self.maximumWaiting
        while let part = waiting.popFirst() {
            take(part, context)
            if case .answering = state { break }
            if case .draining = state { break }
        }
        if wasFull && waiting.count < Self.maximumWaiting { setReading(true, context) }
    }

    private func closeWhenWritten(_ context: ChannelHandlerContext) {
        state = .closing
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in
            channel.close(promise: nil)
        }
    }

    private func setReading(_ isReading: Bool, _ context: ChannelHandlerContext) {
        context.channel.setOption(.autoRead, value: isReading).whenFailure { _ in
            // The connection is closed already.
        }
    }

    /// Closes a connection on which nothing has moved for the idle timeout.
    private func checkIdle(in delay: TimeAmount, _ context: ChannelHandlerContext) {
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        idleCheck = context.eventLoop.scheduleTask(in: delay) {
            let rest = self.lastMove + self.idleTimeout - .now()
            if case .answering = self.state {
                self.checkIdle(in: self.idleTimeout, context.value)
            } else if rest > .zero {
                self.checkIdle(in: rest, context.value)
            } else {
                context.value.close(promise: nil)
            }
        }
    }

    /// The client will send no more, or the server is shutting down: what is at work is finished.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed: isInputClosed = true
        case is ChannelShouldQuiesceEvent: isLastRequest = true
        default:
            context.fireUserInboundEventTriggered(event)
            return
        }
        switch state {
        case .idle where isInputClosed || hasAsked: context.close(promise: nil)
        case .idle: closeUnlessAsked(context)
        case .draining where isLastRequest || waiting.isEmpty: closeWhenWritten(context)
        // Nothing more comes that closing could answer with a reset.
        case .closing where isInputClosed: closeWhenWritten(context)
        default: break
        }
    }

    /// Who has just connected has mostly sent its request already, and closing would answer that
    /// with a reset.
    private func closeUnlessAsked(_ context: ChannelHandlerContext) {
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.linger) {
            if case .idle = self.state { context.value.channel.close(promise: nil) }
        }
    }

    /// What is not HTTP is answered with 400; a connection that failed is closed.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError else {
            context.close(promise: nil)
            return
        }
        switch state {
        case .reading: refuse(.badRequest, context)
        case .idle:
            state = .refusing
            write(responder.answerToNoRequest(.badRequest), isHead: false, context)
        case .answering, .draining: isLastRequest = true
        case .refusing, .closing: break
        }
    }
}

extension Answer {
    /// The answer as HTTP/1.1 writes it. Header names and values are free of line breaks: that is
    /// what makes an `HTTPField`.
    fileprivate func bytes(isHead: Bool, closes: Bool) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: 512 + body.count)
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.writeString(String(status))
        buffer.writeStaticString(" ")
        buffer.writeString(HTTPResponseStatus(statusCode: status).reasonPhrase)
        for field in headers {
            buffer.writeStaticString("\r\n")
            buffer.writeString(field.name.rawName)
            buffer.writeStaticString(": ")
            buffer.writeString(field.value)
        }
        if closes { buffer.writeStaticString("\r\nConnection: close") }
        if status != 204 {
            buffer.writeStaticString("\r\nContent-Length: ")
            buffer.writeString(String(body.count))
        }
        buffer.writeStaticString("\r\n\r\n")
        if !isHead { buffer.writeBytes(body) }
        return buffer
    }
}
