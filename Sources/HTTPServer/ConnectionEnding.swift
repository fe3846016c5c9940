import HTTPEndpoint
import NIOCore
import NIOExtras
import NIOHTTP1

/// When a connection ends: nothing moves, the client ends it, the server stops, or it fails.
extension EndpointConnection {
    /// Closes a connection on which nothing has moved for the idle timeout, or too little.
    func checkIdle(in delay: TimeAmount, _ context: ChannelHandlerContext) {
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        idleCheck = context.eventLoop.scheduleTask(in: delay) {
            let end: NIODeadline
            switch self.state {
            case .answering: end = .now() + self.idleTimeout
            case .sending:
                end = self.isProducing ? .now() + self.idleTimeout : self.pace.deadline
            default: end = self.lastMove + self.idleTimeout
            }
            let rest = end - .now()
            if rest > .zero {
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
        case is ChannelShouldQuiesceEvent: stop(context)
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

    /// The server is shutting down: whoever keeps it waiting is cut.
    private func stop(_ context: ChannelHandlerContext) {
        isLastRequest = true
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.stopPatience) {
            self.isStopping = true
            switch self.state {
            case .answering: break
            case .reading: self.refuse(.requestTimeout, context.value)
            default: context.value.close(promise: nil)
            }
        }
    }

    /// The last answer is written: a client that does not read it holds up no shutdown.
    func closeInTime(_ context: NIOLoopBound<ChannelHandlerContext>) {
        guard isStopping else { return }
        context.eventLoop.scheduleTask(in: Self.linger) { context.value.close(promise: nil) }
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
        case .answering, .sending, .draining: isLastRequest = true
        case .refusing, .closing: break
        }
    }
}
