import AsyncHTTPClient
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Connections of the pool for each product; more than one are used only where calls go one by one.
private let mostConnections = 8
/// Of a batch, the service's bounds less some room for the frame around the operations.
let mostOperations = 256
let mostBytes = 1 << 20 - 16_384
/// A service that had no `/batch` is asked for it again after so long.
private let batchAskedAgain = Duration.seconds(600)
/// Answers to a batch that would be each operation's own: the key is wrong, or it is to be tried
/// later.
private let ofAll: Set = [401, 408, 429]
private let longestConnect = Duration.seconds(5)
private let largestAnswer = 8 << 20

/// Operations over HTTP: many in one request, or call by call where the service has no `/batch`.
@ClientActor
final class Transport {
    private let poster: Poster
    private let events: Events
    private var batchFrom: [Product: Instant] = [:]

    nonisolated init(url: String, internalKey: Secret, answerTimeout: Duration, events: Events) {
        poster = Poster(url: url, internalKey: internalKey, answerTimeout: answerTimeout)
        self.events = events
    }

    /// What came of each, in order; all are of one product.
    func send(_ operations: [Operation]) async -> [Reply] {
        guard let product = operations.first?.product else { return [] }
        if operations.count > 1, batchFrom[product].map({ $0 <= .now }) ?? true {
            if let replies = await batch(operations, of: product) { return replies }
        }
        return await oneByOne(
            operations.map {
                Outgoing(
                    path: product.rawValue + $0.name, body: JSON.object($0.sent).encoded(),
                    token: $0.token)
            })
    }

    private func oneByOne(_ requests: [Outgoing]) async -> [Reply] {
        let poster = poster
        return await withTaskGroup(of: (Int, Reply).self) { group in
            var replies = requests.map { _ in Reply.failure(.unread) }
            var next = 0
            func start() {
                guard next < requests.count else { return }
                let (index, request) = (next, requests[next])
                next += 1
                group.addTask { (index, await poster.post(request)) }
            }
            for _ in 0..<mostConnections { start() }
            for await (index, reply) in group {
                replies[index] = reply
                start()
            }
            return replies
        }
    }

    /// Nil: it is to be sent one by one, since the service has no `/batch`, or would not take the
    /// whole: what is wrong with one operation must not be the others' answer.
    private func batch(_ operations: [Operation], of product: Product) async -> [Reply]? {
        var body = Array(#"{"operations":["#.utf8)
        for (index, operation) in operations.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body += operation.element
        }
        body += "]}".utf8
        let reply = await poster.post(
            Outgoing(path: product.rawValue + "batch", body: body, token: nil))
        guard case .success(let whole) = reply else { return operations.map { _ in reply } }
        if whole.isNoAddress {
            batchFrom[product] = .now + batchAskedAgain
            events.tell("batch_unsupported")
            return nil
        }
        if ofAll.contains(whole.status) || whole.status >= 500 {
            return operations.map { _ in reply }
        }
        if whole.status != 200 { return nil }
        let results: [JSON] = whole.body.value("results") ?? []
        guard results.count == operations.count else {
            return operations.map { _ in .failure(.unread) }
        }
        return results.map { Self.reply(of: $0, in: whole) }
    }

    private static func reply(of element: JSON, in whole: Answer) -> Reply {
        guard let status = element["status"].int else { return .failure(.unread) }
        var headers = ["date": whole.headers["date"] ?? ""]
        for member in element["headers"].object?.members ?? [] {
            headers[member.name.lowercased()] = member.value.text
        }
        return .success(
            Answer(
                status: status, headers: headers, body: element["body"].object ?? [:],
                received: whole.received))
    }

    func close() async {
        await poster.close()
    }
}

extension NoAnswer {
    static let unread = NoAnswer(message: "the answer cannot be read", wasSent: true)
    static let unreached = NoAnswer(
        message: "the service cannot be reached", wasSent: false, isOutage: true)
    static let late = NoAnswer(
        message: "the service did not answer in time", wasSent: true, isOutage: true)
}

/// What says that the service has seen nothing.
private let unreached: [HTTPClientError] = [
    .connectTimeout, .getConnectionFromPoolTimeout, .tlsHandshakeTimeout,
]
private let late: [HTTPClientError] = [.deadlineExceeded, .readTimeout]

private struct Outgoing: Sendable {
    let path: String
    let body: [UInt8]
    let token: Secret?
}

/// The pool of connections. It is shut down even if nobody closes it, since an `HTTPClient` that is
/// released without that ends the process of a debug build.
private final class Poster: Sendable {
    private let base: String
    private let internalKey: Secret
    private let answerTimeout: Duration
    private let http: HTTPClient

    init(url: String, internalKey: Secret, answerTimeout: Duration) {
        base = url.trimmingSlashes()
        self.internalKey = internalKey
        self.answerTimeout = answerTimeout
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = min(longestConnect, answerTimeout).amount
        configuration.timeout.read = answerTimeout.amount
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        // Whether to try again is the sender's decision.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit =
            mostConnections * Product.allCases.count
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    deinit {
        Task { [http] in await Self.shutDown(http) }
    }

    func post(_ outgoing: Outgoing) async -> Reply {
        var request = HTTPClientRequest(url: base + outgoing.path)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "User-Agent", value: "cuebx-swift")
        request.headers.add(name: "X-Internal-API-Key", value: internalKey.text)
        if let token = outgoing.token {
            request.headers.add(name: "Authorization", value: "Bearer \(token.text)")
        }
        request.body = .bytes(outgoing.body)
        do {
            let response = try await http.execute(request, timeout: answerTimeout.amount)
            return read(response, try await response.body.collect(upTo: largestAnswer))
        } catch {
            return .failure(noAnswer(for: error))
        }
    }

    private func read(_ response: HTTPClientResponse, _ content: ByteBuffer) -> Reply {
        var headers: [String: String] = [:]
        for (name, value) in response.headers { headers[name.lowercased()] = value }
        let status = Int(response.status.code)
        var body = JSONObject()
        do {
            if content.readableBytes > 0 {
                body = try JSON(parsing: content.readableBytesView).object ?? [:]
            }
        } catch  where status < 300 {
            return .failure(.unread)
        } catch {
            // A gateway's page, e.g. of a 502.
        }
        return .success(Answer(status: status, headers: headers, body: body))
    }

    /// By its type, never by a text that could quote.
    private func noAnswer(for error: any Error) -> NoAnswer {
        switch error {
        case is NIOConnectionError: return .unreached
        case let error as IOError where error.errnoCode == ECONNREFUSED: return .unreached
        case let error as HTTPClientError where unreached.contains(error): return .unreached
        case let error as HTTPClientError where late.contains(error): return .late
        default:
            return NoAnswer(message: "the connection broke (\(type(of: error)))", wasSent: true)
        }
    }

    func close() async {
        await Self.shutDown(http)
    }

    private static func shutDown(_ http: HTTPClient) async {
        do {
            try await http.shutdown()
        } catch {
            // It was closed before, or a connection would not end: it ends with the process.
        }
    }
}

extension Duration {
    fileprivate var amount: TimeAmount { .nanoseconds(Int64(min(seconds, 1e9) * 1e9)) }
}

extension String {
    fileprivate func trimmingSlashes() -> String {
        var text = self
        while text.last == "/" { text.removeLast() }
        return text
    }
}
