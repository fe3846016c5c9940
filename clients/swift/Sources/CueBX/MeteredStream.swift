/// A stream that is a whole call: the call ends with its last chunk, with its error, or once nobody
/// holds the stream any more, even if it was never read.
public struct MeteredStream<Source: AsyncSequence>: AsyncSequence {
    public typealias Element = Source.Element
    public typealias Failure = any Error

    private let chunks: MeteredChunks<Source>
    private let ending: Ending

    init(_ chunks: MeteredChunks<Source>) {
        self.chunks = chunks
        ending = Ending(call: chunks.call)
    }

    public var call: Call { chunks.call }

    public func makeAsyncIterator() -> Iterator {
        Iterator(chunks: chunks.makeAsyncIterator(), ending: ending)
    }

    public struct Iterator: AsyncIteratorProtocol {
        var chunks: MeteredChunks<Source>.Iterator
        fileprivate let ending: Ending

        public mutating func next() async throws -> Element? {
            try await next(isolation: nil)
        }

        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws -> Element? {
            do {
                if let chunk = try await chunks.next(isolation: actor) { return chunk }
            } catch {
                await ending.call.end(error)
                throw error
            }
            // A source that ends because its reader was canceled has not come to its end.
            await ending.call.end(Task.isCancelled ? CancellationError() : nil)
            return nil
        }
    }
}

extension MeteredStream: Sendable where Source: Sendable {}

/// Ends the call when it goes, unless the call has ended before.
private final class Ending: Sendable {
    let call: Call

    init(call: Call) {
        self.call = call
    }

    deinit {
        let call = call
        Task { await call.end(CancellationError()) }
    }
}
