import HTTPClient
import HTTPEndpoint
import Logging
import Settings

/// The Stripe that stands in for the real one in development, as far as the development clock has
/// to do with it: its time is the service's.
struct LocalStripe: Sendable {
    /// `nil` where Stripe is a real one, whose time nobody moves.
    private let base: String?
    private let client = HTTPClient(maximumInFlight: 1)
    private let logger: Logger

    init(_ settings: Settings, logger: Logger) {
        base = settings.isDevelopment && !settings.hasRealStripe ? settings.stripe.apiBase : nil
        self.logger = logger
    }

    /// Lets it do what has fallen due. Where nobody listens there is nothing to do: a sandbox that
    /// is started later finds the time where it stands then.
    ///
    /// - Throws: ``Problem`` 503 where it is there and does not do it.
    func settle() async throws {
        guard let base else { return }
        let request = HTTPRequest("POST", base + "/_test/settle", body: Array("{}".utf8))
        do {
            // Another stand-in than the sandbox need not know the question.
            guard try await client.send(request).status < 500 else {
                throw Problem.paymentProviderUnavailable.with(
                    detail: "The local Stripe has failed; the clock has moved.")
            }
        } catch let error as HTTPClientError {
            if case .cannotConnect = error {
                logger.warning("no local Stripe listens; the clock moves without it")
                return
            }
            throw Problem.paymentProviderUnavailable.with(
                detail: "The local Stripe does not answer; the clock has moved.")
        }
    }
}
