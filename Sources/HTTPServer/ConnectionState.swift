import NIOCore
import NIOHTTP1

/// What a connection is doing, and what follows from it.
extension EndpointConnection {
    enum State {
        case idle
        /// The head is here, the body is arriving.
        case reading(HTTPRequestHead, RequestFraming)
        case answering
        /// A large answer goes out piece by piece.
        case sending
        /// The client reads its answer slowly: its next request waits until the answer is gone, so
        /// that the answers of one connection cannot pile up in memory.
        case draining
        /// A request that did not arrive whole is being answered; no other is taken.
        case refusing
        case closing
    }

    /// A part of a request as it was parsed.
    enum Part {
        case head(HTTPRequestHead, RequestFraming)
        case body(ByteBuffer)
        case end
    }

    var isAnswering: Bool {
        switch state {
        case .answering, .sending, .draining: true
        case .idle, .reading, .refusing, .closing: false
        }
    }

    /// Whether nothing more comes that could be answered after this answer.
    var answersLast: Bool { isLastRequest || isInputClosed && waiting.isEmpty }

    /// How long an answer that is the last may still be read before the connection closes.
    func lingering(after former: State) -> TimeAmount {
        if isInputClosed { return .zero }
        if case .answering = former, !lingersAfterAnswer { return .zero }
        return Self.linger
    }
}
