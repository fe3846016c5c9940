import HTTPClient
import Stripe
import StripeSetup
import Values

extension Settings {
    /// Calls to Stripe under way at once, and those that may wait; a Stripe that hangs holds up
    /// nothing else. Messages make 16 at most (``MessageQueue/maximumInFlight``).
    private static let stripeCallsInFlight = 24
    private static let stripeCallsWaiting = 256

    /// - Throws: ``SettingsError`` if the key cannot be one.
    package func stripeClient() throws -> StripeClient {
        let http = HTTPClient(
            maximumInFlight: Self.stripeCallsInFlight, maximumQueued: Self.stripeCallsWaiting)
        do {
            return try .live(secretKey: stripe.secretKey, apiBase: stripe.apiBase, http: http)
        } catch {
            throw SettingsError("STRIPE_SECRET_KEY", "\(error)")
        }
    }

    package func portalSetup() throws -> PortalSetup {
        PortalSetup(stripe: try stripeClient())
    }

    /// - Parameter url: the endpoint's address; that of `PUBLIC_URL` if not given.
    package func webhookSetup(url: String? = nil) throws -> WebhookSetup {
        WebhookSetup(stripe: try stripeClient(), publicURL: publicURL, url: url)
    }
}

extension Settings {
    /// How Stripe is reached. In development without a key, that is the sandbox on the next port.
    public struct StripeAccess: Sendable {
        public let secretKey: String
        public let apiBase: String
        public let webhookSecrets: [String]
    }

    public var stripe: StripeAccess {
        StripeAccess(
            secretKey: stripeSecretKey ?? Self.sandboxKey,
            apiBase: stripeAPIBase
                ?? (usesSandbox
                    ? "http://127.0.0.1:\(sandboxPort)"
                    : Stripe.stripeAPIBase),
            webhookSecrets: stripeWebhookSecrets.isEmpty && isDevelopment
                ? [Self.developmentWebhookSecret] : stripeWebhookSecrets)
    }
}
