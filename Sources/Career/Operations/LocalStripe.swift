import HTTPClient
import HTTPEndpoint

/// The Stripe that stands in for the real one in development, as far as the development clock has
/// to do with it: its time is the service's.
struct LocalStripe: Sendable {
    /// How long it has to answer at all.
    static let patience = Duration.seconds(5)

    /// `nil` where Stripe is a real one, whose time nobody moves.
    private let base: String?
    private let client = HTTPClient(maximumInFlight: 1)

    init(_ settings: Settings) {
        base = settings.isDevelopment && !settings.hasRealStripe ? settings.stripe.apiBase : nil
    }

    /// Makes sure that it answers, with whatever status.
    /// - Throws: ``Problem`` 503 where it does not.
    func confirm() async throws {
        guard let base else { return }
        try await send(
            HTTPRequest("GET", base + "/", timeout: Self.patience),
            orSay: "The local Stripe does not answer; the clock has not moved.")
    }

    /// Lets it do what has fallen due.
    /// - Throws: ``Problem`` 503 where it does not answer.
    func settle() async throws {
        guard let base else { return }
        try await send(
            HTTPRequest("POST", base + "/_test/settle", body: Array("{}".utf8)),
            orSay: "The local Stripe does not answer; the clock has moved.")
    }

    private func send(_ request: HTTPRequest, orSay detail: String) async throws {
        do {
            _ = try await client.send(request)
        } catch {
            throw Problem.paymentProviderUnavailable.with(detail: detail)
        }
    }
}
