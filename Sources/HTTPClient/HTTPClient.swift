/// The longest body of an answer that is read; Stripe's largest page is well below it.
package let maximumResponseBytes = 4 * 1024 * 1024
/// The longest head of an answer, all its header fields together.
let maximumHeaderBytes = 64 * 1024
/// The longest URL that is sent, far above what servers read.
let maximumURLBytes = 16 * 1024
/// A connection that takes longer than this is counted as not made.
let maximumConnectTime = Duration.seconds(5)

/// One call to another service.
public struct HTTPRequest: Sendable {
    /// An HTTP method in upper case, e.g. `POST`.
    public var method: String
    /// An absolute `http` or `https` URL.
    public var url: String
    /// Sent as given. Without a `Content-Type` here, none is sent.
    public var headers: [(String, String)]
    public var body: [UInt8]?
    /// How long the whole call may take: its turn in the queue, the connection and the answer.
    public var timeout: Duration

    public init(
        _ method: String, _ url: String, headers: [(String, String)] = [], body: [UInt8]? = nil,
        timeout: Duration = .seconds(30)
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
    }
}

/// A complete answer, whatever its status. Redirects are answers too: none is followed.
public struct HTTPResponse: Sendable {
    public let status: Int
    public let headers: [(name: String, value: String)]
    public let body: [UInt8]

    public init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The first value of a header field; its name is compared without regard to case.
    public func header(_ name: String) -> String? {
        let name = name.lowercased()
        return headers.first { $0.name.lowercased() == name }?.value
    }
}

/// Why there is no answer. No case carries a URL, a header or a body, so all may be logged.
public enum HTTPClientError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The URL is not an absolute `http` or `https` URL.
    case invalidURL
    /// The method or a header field could not be sent as it is.
    case invalidRequest
    /// No connection came about, so the other side has seen nothing of the request.
    case cannotConnect(reason: String)
    /// The time was up. The other side may or may not have acted on the request.
    case timedOut
    /// The connection broke before the answer was complete. The other side may have acted.
    case connectionLost(reason: String)
    /// The answer is longer than this client reads. The other side has acted.
    case responseTooLarge
    /// As many requests wait as are allowed to; this one was not sent.
    case queueFull
    /// The client was shut down before the request was sent.
    case clientShutDown

    /// Whether it is certain that the other side has seen nothing of the request.
    public var nothingWasSent: Bool {
        switch self {
        case .invalidURL, .invalidRequest, .cannotConnect, .queueFull, .clientShutDown: true
        case .timedOut, .connectionLost, .responseTooLarge: false
        }
    }

    public var description: String {
        switch self {
        case .invalidURL: "the URL is not an absolute http or https URL"
        case .invalidRequest: "the method or a header field holds characters that cannot be sent"
        case .cannotConnect(let reason): "cannot connect: \(reason)"
        case .timedOut: "no complete answer arrived in time"
        case .connectionLost(let reason): "the answer is incomplete: \(reason)"
        case .responseTooLarge: "the answer is longer than this client reads"
        case .queueFull: "too many requests are waiting already"
        case .clientShutDown: "the client has been shut down"
        }
    }
}

/// Calls other services over HTTP/1.1 with libcurl.
///
/// A few threads, started when they are first needed, make one request at a time each and keep
/// their connections open. TLS certificates are verified; redirects are not followed. When a kept
/// connection turns out to have been closed before a byte of the answer came, libcurl sends the
/// request once more on a new one, so a request that must not act twice needs a key of its own.
///
/// Canceling the calling task does not end a request; its timeout does.
public final class HTTPClient: Sendable {
    private let pool: TransferPool

    /// - Parameters:
    ///   - maximumInFlight: requests made at the same time, and so the number of threads.
    ///   - maximumQueued: requests that may wait for their turn beside these.
    public init(maximumInFlight: Int = 8, maximumQueued: Int = 1024) {
        pool = TransferPool(
            name: "http", maximumInFlight: maximumInFlight, maximumQueued: maximumQueued)
    }

    deinit {
        pool.shutdown()
    }

    /// Makes the request and returns the answer, whatever its status.
    public func send(_ request: HTTPRequest) async throws(HTTPClientError) -> HTTPResponse {
        let deadline = ContinuousClock.now + request.timeout
        return try await withCheckedContinuation { continuation in
            pool.add(
                TransferPool.Job(
                    run: { handle in
                        let result = handle.perform(request, deadline: deadline)
                        return { continuation.resume(returning: result) }
                    },
                    refuse: { refusal in
                        continuation.resume(returning: .failure(HTTPClientError(refusal)))
                    }))
        }.get()
    }

    /// Refuses the requests that wait and those to come. The ones under way come to their end,
    /// which their timeouts bound.
    public func shutdown() {
        pool.shutdown()
    }
}

extension HTTPClientError {
    init(_ refusal: TransferPool.Refusal) {
        switch refusal {
        case .queueFull: self = .queueFull
        case .shutDown: self = .clientShutDown
        case .noHandle: self = .cannotConnect(reason: "libcurl could not be set up")
        }
    }
}
