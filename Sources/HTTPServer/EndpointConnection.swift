import HTTPEndpoint
import NIOCore
import NIOExtras
import NIOHTTP1

/// One client's connection: takes a request in, has it answered, writes the answer. Requests that
/// are sent ahead wait their turn. Used on its event loop alone.
///
/// This file takes requests in, by the states of `ConnectionState.swift`; `AnswerWriting.swift`
/// writes the answers, and `ConnectionEnding.swift` decides when it is over.
final class EndpointConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    static let maximumBodyBytes = 1 << 20
    /// How long a body may stand still; the rate is asked for from then on.
    static let bodyPatience = TimeAmount.seconds(30)
    /// Bytes a second at which a body must arrive, on average.
    static let minimumBodyRate = 1 << 10
    /// After an answer to a request that did not arrive whole, what still comes is read and
    /// dropped for this long: closing at once could take the answer back from the client.
    static let linger = TimeAmount.seconds(1)
    /// At shutdown, how long a client is waited for: for the rest of its request, or to read.
    static let stopPatience = TimeAmount.seconds(5)
    /// Parts of requests sent ahead that are kept; reading pauses beyond it.
    static let maximumWaiting = 32

    private var channel: (any Channel)?
    let responder: EndpointResponder
    let held: HeldBytes
    let idleTimeout: TimeAmount
    private let decoder: RequestDecoder
    private let executor: EventLoopExecutor
    private let bodyPatience: TimeAmount
    var state = State.idle
    /// Beside the state, not in it: appending to what a `switch` has taken out would copy it.
    private var body = ByteBuffer()
    private var refusal: Problem?
    /// Of the request whose parts the parser is handing over.
    private var framing: RequestFraming?
    private(set) var waiting = CircularBuffer<Part>()
    private var deadline: Scheduled<Void>?
    var idleCheck: Scheduled<Void>?
    /// Of the body that is arriving, or of the large answer that is going out.
    var pace: Pace
    var lastMove = NIODeadline.now()
    /// A large answer's next piece is being made: the client is not waited for.
    var isProducing = false
    /// Bytes of a large answer that are made and not yet written.
    var unsentBytes = 0
    private var reportedBytes = 0
    /// The client says that this request is its last, or the server is shutting down.
    var isLastRequest = false
    var isStopping = false
    /// The next request would need `Connection: keep-alive` to be expected (RFC 9112 §9.3).
    var isVersion10 = false
    /// More may arrive that is no request, which closing at once would answer with a reset.
    var lingersAfterAnswer = false
    var hasAsked = false
    /// The client will send no more; what it has sent is still answered.
    var isInputClosed = false
    /// An answer that is written while the next request is taken leaves the next to the loop that
    /// took it: thousands of requests sent ahead must not become thousands of stack frames.
    private var isGoingOn = false
    private var address = "unknown"

    init(
        _ responder: EndpointResponder, decoder: RequestDecoder, executor: EventLoopExecutor,
        held: HeldBytes, idleTimeout: TimeAmount, bodyPatience: TimeAmount
    ) {
        self.responder = responder
        self.decoder = decoder
        self.executor = executor
        self.held = held
        self.idleTimeout = idleTimeout
        self.bodyPatience = bodyPatience
        pace = Pace(patience: bodyPatience, rate: Self.minimumBodyRate, now: lastMove)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        channel = context.channel
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        channel = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        address = context.remoteAddress?.ipAddress ?? "unknown"
        checkIdle(in: idleTimeout, context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        idleCheck?.cancel()
        if reportedBytes > 0 { held.hold(0, since: lastMove, context.channel) }
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // What comes after the last answer moves nothing: a client that sends on and reads nothing
        // is idle.
        if case .closing = state {
            decoder.afterwards = .nothing
            return
        }
        lastMove = .now()
        let part = parsed(unwrapInboundIn(data))
        switch state {
        case .answering, .sending, .draining:
            waiting.append(part)
            if waiting.count == Self.maximumWaiting { setReading(false, context) }
            reportHeld()
        default: take(part, context)
        }
    }

    private func parsed(_ part: HTTPServerRequestPart) -> Part {
        switch part {
        case .head(let head):
            let framing = RequestFraming(head)
            self.framing = framing
            return .head(head, framing)
        case .body(let bytes): return .body(bytes)
        case .end:
            decoder.afterwards = framing?.afterwards ?? .request
            return .end
        }
    }

    private func take(_ part: Part, _ context: ChannelHandlerContext) {
        switch (part, state) {
        case (.head(let head, let framing), .idle): begin(head, framing, context)
        case (.body(let bytes), .reading): append(bytes, context)
        case (.end, .reading(let head, let framing)):
            deadline?.cancel()
            deadline = nil
            state = .answering
            answer(head, framing, context)
        default: break
        }
    }

    private func begin(
        _ head: HTTPRequestHead, _ framing: RequestFraming, _ context: ChannelHandlerContext
    ) {
        state = .reading(head, framing)
        pace = Pace(patience: bodyPatience, rate: Self.minimumBodyRate, now: lastMove)
        hasAsked = true
        isVersion10 = head.version == .http1_0
        if !head.isKeepAlive { isLastRequest = true }
        if case .nothing = framing.afterwards {
            isLastRequest = true
            lingersAfterAnswer = true
        }
        if !framing.isUnambiguous {
            refuse(.badRequest, context)
        } else if framing.announcedBytes > Self.maximumBodyBytes {
            refuse(.tooLarge, context)
        } else if framing.wantsContinue {
            let goOn = context.channel.allocator.buffer(string: "HTTP/1.1 100 Continue\r\n\r\n")
            context.writeAndFlush(wrapOutboundOut(goOn), promise: nil)
        }
    }

    private func append(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        guard body.readableBytes + bytes.readableBytes <= Self.maximumBodyBytes else {
            refuse(.tooLarge, context)
            return
        }
        pace.moved(bytes.readableBytes, at: lastMove)
        if body.readableBytes == 0 { body = bytes } else { body.writeImmutableBuffer(bytes) }
        reportHeld()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        waitForBody(context)
        context.fireChannelReadComplete()
    }

    private func waitForBody(_ context: ChannelHandlerContext) {
        guard case .reading = state, deadline == nil else { return }
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(deadline: pace.deadline) {
            self.deadline = nil
            if self.pace.deadline > .now() {
                self.waitForBody(context.value)
            } else {
                self.refuse(.requestTimeout, context.value)
            }
        }
    }

    /// Answers a request that did not arrive whole, and takes no other.
    func refuse(_ problem: Problem, _ context: ChannelHandlerContext) {
        guard case .reading(let head, let framing) = state else { return }
        deadline?.cancel()
        body = ByteBuffer()
        refusal = problem
        state = .refusing
        answer(head, framing, context)
    }

    private func answer(
        _ head: HTTPRequestHead, _ framing: RequestFraming, _ context: ChannelHandlerContext
    ) {
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        let (responder, address, isEncoded) = (self.responder, self.address, framing.isEncoded)
        Task.immediate(executorPreference: executor) {
            let answer = await responder.respond(
                to: head, isEncoded: isEncoded, from: address, body: { self.takeBody() })
            self.body = ByteBuffer()
            self.reportHeld()
            if case .answering = self.state, head.method != .HEAD, answer.isLarge {
                await self.send(answer, context)
            } else {
                self.write(answer, isHead: head.method == .HEAD, context.value)
            }
        }
    }

    /// Hands the body over, so that it is not kept while its request is worked on.
    private func takeBody() -> Result<ByteBuffer, Problem> {
        if let refusal { return .failure(refusal) }
        defer {
            body = ByteBuffer()
            reportHeld()
        }
        return .success(body)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        goOn(context)
        context.fireChannelWritabilityChanged()
    }

    /// Takes the next request once the client has read enough of the last answer.
    func goOn(_ context: ChannelHandlerContext) {
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
        while !isAnswering, let part = waiting.popFirst() { take(part, context) }
        if wasFull && waiting.count < Self.maximumWaiting { setReading(true, context) }
        reportHeld()
    }

    private func setReading(_ isReading: Bool, _ context: ChannelHandlerContext) {
        context.channel.setOption(.autoRead, value: isReading).whenFailure { _ in
            // The connection is closed already.
        }
    }

    /// Counts what this connection keeps to the budget that all share.
    func reportHeld() {
        let all = body.readableBytes + waiting.count * HeldBytes.bytesOfWaitingPart + unsentBytes
        let bytes = all > HeldBytes.allowance ? all : 0
        guard bytes / HeldBytes.step != reportedBytes / HeldBytes.step else { return }
        reportedBytes = bytes
        if let channel { held.hold(bytes, since: lastMove, channel) }
    }
}
