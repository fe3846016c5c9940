import HTTPClient
import JSON

/// The release of Stripe's API whose objects this module reads
/// (https://docs.stripe.com/changelog).
public let stripeVersion = "2026-10-28.endive"
/// How long one try may take.
let maximumTryTime = Duration.seconds(10)
/// How long a call may take with its retries and the waits between them.
let maximumCallTime = Duration.seconds(30)
/// Objects on a page of a list; Stripe's own limit.
private let pageSize: Int64 = 100
/// A list is not followed further; monthly invoices take 80 years to get there.
public let maximumListedObjects = 1000

/// What the retries wait by; tests replace it.
public struct StripeRetryPolicy: Sendable {
    /// Tries after the first; two, as the official libraries make.
    public var maximumRetries: Int
    public var now: @Sendable () -> ContinuousClock.Instant
    public var sleep: @Sendable (Duration) async throws -> Void
    /// A share from 0 to 1 of the half of each wait that is left to chance.
    public var jitter: @Sendable () -> Double

    public init(
        maximumRetries: Int = 2,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now },
        sleep: @escaping @Sendable (Duration) async throws -> Void = {
            try await Task.sleep(for: $0)
        },
        jitter: @escaping @Sendable () -> Double = { Double.random(in: 0...1) }
    ) {
        self.maximumRetries = maximumRetries
        self.now = now
        self.sleep = sleep
        self.jitter = jitter
    }

    /// The wait before retry number `retry`, counted from 1: doubling from half a second up to
    /// five, of which 50 to 100 % are taken, and never less than half a second. These are the
    /// official libraries' numbers.
    package func wait(beforeRetry retry: Int) -> Duration {
        var full = Duration.milliseconds(500)
        for _ in 1..<max(retry, 1) where full < .seconds(5) { full = full * 2 }
        let share = 0.5 + 0.5 * min(max(jitter(), 0), 1)
        return max(min(full, .seconds(5)) * share, .milliseconds(500))
    }
}

/// Sends calls to Stripe and tries again where that is right.
package struct StripeAPI: Sendable {
    package typealias Send = @Sendable (HTTPRequest) async throws(HTTPClientError) -> HTTPResponse

    let base: String
    let secretKey: String
    let mode: StripeMode
    let retryPolicy: StripeRetryPolicy
    let send: Send

    /// Makes the call and reads its answer. A retry carries the same idempotency key, so that
    /// Stripe acts once whichever of the tries it has seen.
    func perform(_ call: StripeCall) async throws(StripeError) -> JSONValue {
        guard var request = call.request(base: base, secretKey: secretKey) else {
            throw StripeError(.invalidRequest(code: nil, parameter: "id"))
        }
        let deadline = retryPolicy.now() + maximumCallTime
        var retries = 0
        while true {
            request.timeout = min(maximumTryTime, deadline - retryPolicy.now())
            let outcome = await attempt(request)
            switch outcome {
            case .success(let body): return body
            case .failure(let failure):
                var wait = retryPolicy.wait(beforeRetry: retries + 1)
                if let asked = failure.retryAfter { wait = max(wait, asked) }
                guard failure.mayRetryNow, retries < retryPolicy.maximumRetries,
                    retryPolicy.now() + wait < deadline
                else { throw failure.error }
                do {
                    try await retryPolicy.sleep(wait)
                } catch {
                    // The task was canceled; what the last try has shown still holds.
                    throw failure.error
                }
                retries += 1
            }
        }
    }

    private func attempt(_ request: HTTPRequest) async -> Result<JSONValue, Failure> {
        let response: HTTPResponse
        do throws(HTTPClientError) {
            response = try await send(request)
        } catch {
            return .failure(Failure(error))
        }
        guard (200..<300).contains(response.status) else { return .failure(Failure(response)) }
        do throws(JSONSyntaxError) {
            return .success(try JSONValue.parse(response.body))
        } catch {
            let malformed = StripeError.Kind.malformedResponse(field: "\(error)")
            return .failure(Failure(error: StripeError(malformed, status: response.status)))
        }
    }

    /// Why one try failed, and whether another may be made at once.
    fileprivate struct Failure: Error {
        let error: StripeError
        var mayRetryNow = false
        var retryAfter: Duration?
    }
}

extension StripeAPI.Failure {
    fileprivate init(_ error: HTTPClientError) {
        switch error {
        case .cannotConnect, .timedOut, .connectionLost:
            self.init(error: StripeError(.unavailable), mayRetryNow: true)
        case .queueFull, .clientShutDown:
            self.init(error: StripeError(.unavailable))
        case .responseTooLarge:
            self.init(error: StripeError(.malformedResponse(field: "length")))
        case .invalidURL, .invalidRequest:
            self.init(error: StripeError(.invalidRequest(code: nil, parameter: nil)))
        }
    }

    /// Stripe's own word counts; without it, conflicts and Stripe's troubles are tried again and
    /// a rate limit is not, since the next try would only prolong it.
    fileprivate init(_ response: HTTPResponse) {
        let mayRetryNow =
            switch response.header("Stripe-Should-Retry") {
            case "true": true
            case "false": false
            default: response.status == 409 || response.status >= 500
            }
        self.init(
            error: StripeError(response), mayRetryNow: mayRetryNow,
            retryAfter: StripeError.retryAfter(response))
    }
}

extension StripeAPI {
    /// Makes a call whose answer is one object, and refuses one of the other mode.
    func object<Object>(
        _ call: StripeCall, _ decode: (JSONValue) throws(StripeDecodingError) -> Object,
        livemode: (Object) -> Bool?
    ) async throws(StripeError) -> Object {
        try read(try await perform(call), decode, livemode: livemode)
    }

    /// Makes the calls for a whole list, newest first, up to `maximumListedObjects`.
    func list<Object>(
        _ path: [String], _ filter: StripeForm,
        _ decode: (JSONValue) throws(StripeDecodingError) -> Object, id: (Object) -> String,
        livemode: (Object) -> Bool?
    ) async throws(StripeError) -> [Object] {
        var objects: [Object] = []
        while objects.count < maximumListedObjects {
            var form = filter
            form.add("limit", pageSize)
            form.add("starting_after", objects.last.map(id))
            let page = try await perform(StripeCall(method: .get, path: path, form: form))
            guard let values = page["data"]?.array, let hasMore = page["has_more"]?.bool else {
                throw StripeError(.malformedResponse(field: "list.data"))
            }
            for value in values {
                objects.append(try read(value, decode, livemode: livemode))
            }
            // A page without objects cannot lead further, whatever it says.
            if !hasMore || values.isEmpty { break }
        }
        return objects
    }

    private func read<Object>(
        _ value: JSONValue, _ decode: (JSONValue) throws(StripeDecodingError) -> Object,
        livemode: (Object) -> Bool?
    ) throws(StripeError) -> Object {
        let object: Object
        do throws(StripeDecodingError) {
            object = try decode(value)
        } catch {
            throw StripeError(.malformedResponse(field: error.field))
        }
        if let livemode = livemode(object), StripeMode(livemode: livemode) != mode {
            throw StripeError(.wrongMode)
        }
        return object
    }
}
