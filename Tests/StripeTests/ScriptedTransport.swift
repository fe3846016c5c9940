import HTTPClient
import Stripe
import Synchronization

/// Stands where the network would be: gives one scripted outcome after another and keeps what was
/// sent. Its clock moves only by the waits that the client asks for and by the time of each try.
final class ScriptedTransport: Sendable {
    typealias Outcome = Result<HTTPResponse, HTTPClientError>

    private struct State {
        var outcomes: [Outcome]
        var requests: [HTTPRequest] = []
        var waits: [Duration] = []
        var elapsed = Duration.zero
    }

    private let state: Mutex<State>
    private let timePerTry: Duration
    private let start = ContinuousClock.now

    init(_ outcomes: [Outcome], timePerTry: Duration = .zero) {
        state = Mutex(State(outcomes: outcomes))
        self.timePerTry = timePerTry
    }

    convenience init(answer: String) {
        self.init([.success(.json(answer))])
    }

    var requests: [HTTPRequest] { state.withLock { $0.requests } }
    var waits: [Duration] { state.withLock { $0.waits } }

    /// - Parameter jitter: 1 makes every wait as long as it can be.
    func client(
        key: String = "sk_test_1", jitter: Double = 1, isCanceled: Bool = false
    ) throws -> StripeClient {
        let policy = StripeRetryPolicy(
            now: { self.start + self.state.withLock { $0.elapsed } },
            sleep: { wait in
                if isCanceled { throw CancellationError() }
                self.note(wait)
            },
            jitter: { jitter })
        return try StripeClient.live(
            secretKey: key, apiBase: "https://stripe.test", retryPolicy: policy, send: answer)
    }

    func note(_ wait: Duration) {
        state.withLock {
            $0.waits.append(wait)
            $0.elapsed += wait
        }
    }

    @Sendable
    func answer(_ request: HTTPRequest) async throws(HTTPClientError) -> HTTPResponse {
        try next(request).get()
    }

    /// The last outcome repeats, so that a client that tries too often is seen to.
    private func next(_ request: HTTPRequest) -> Outcome {
        state.withLock { state in
            state.requests.append(request)
            state.elapsed += timePerTry
            return state.outcomes.count > 1 ? state.outcomes.removeFirst() : state.outcomes[0]
        }
    }
}

extension HTTPResponse {
    static func json(
        _ text: String, status: Int = 200, headers: [(name: String, value: String)] = []
    ) -> HTTPResponse {
        HTTPResponse(status: status, headers: headers, body: Array(text.utf8))
    }

    static func error(
        _ status: Int, type: String = "invalid_request_error", code: String? = nil,
        more: String = "", headers: [(name: String, value: String)] = []
    ) -> HTTPResponse {
        let code = code.map { "\"code\":\"\($0)\"," } ?? ""
        let text = """
            {"error":{\(code)\(more)"message":"No such thing: 'sk_test_secret'","type":"\(type)"}}
            """
        return .json(text, status: status, headers: headers + [("Request-Id", "req_1")])
    }
}

/// The error of a call that must fail.
func failure<Value>(
    _ call: () async throws(StripeError) -> Value
) async -> StripeError? {
    do throws(StripeError) {
        _ = try await call()
        return nil
    } catch {
        return error
    }
}
