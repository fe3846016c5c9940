import Billing
import Foundation
import Stripe
import Webhooks

/// The endpoint by which Stripe's events reach this service. Stripe fixes an endpoint's API release
/// when the endpoint is made; one made by hand has the account's default release.
public struct WebhookSetup: Sendable {
    private static let path = "/webhooks/stripe"

    /// An endpoint that was made, with its secret, which Stripe tells only now.
    public struct Made: Sendable {
        public let id: String
        public let url: String
        public let secret: String
        public let version: String
        public let events: Int
        /// Endpoints of the same address that are to be deleted once the new secret is in use.
        public let others: [String]
    }

    public struct Refusal: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    let stripe: StripeClient
    let url: String

    /// - Parameter url: the endpoint's address; that of the public URL if not given.
    package init(stripe: StripeClient, publicURL: String, url: String? = nil) {
        self.stripe = stripe
        self.url = url ?? Self.trimmed(publicURL) + Self.path
    }

    private static func trimmed(_ url: String) -> String {
        String(url.reversed().drop { $0 == "/" }.reversed())
    }

    /// Makes an endpoint with the release that we read, our events and our address.
    ///
    /// - Throws: ``Refusal`` if this command has made one before that is still right.
    public func create() async throws -> Made {
        let found = try await endpoints()
        let events = Set(StripeWork.eventTypes)
        if let before = found.first(where: { endpoint in
            Set(endpoint.events) == events && findings(on: endpoint).allSatisfy(\.isRight)
        }) {
            throw Refusal(
                description: "\(before.id) is there and right; Stripe shows its secret on its page")
        }
        let made = try await stripe.createWebhookEndpoint(
            NewStripeWebhookEndpoint(
                url: url, events: StripeWork.eventTypes, description: "CueBX Career"),
            "webhook-\(UUID().text)")
        return Made(
            id: made.id, url: made.url, secret: made.secret ?? "",
            version: made.apiVersion ?? "an unknown release", events: made.events.count,
            others: found.map(\.id))
    }

    /// Looks at each endpoint of our address that Stripe sends to.
    public func check() async throws -> [SetupFinding] {
        let found = try await endpoints()
        let enabled = found.filter(\.isEnabled)
        let looked = enabled.isEmpty ? found : enabled
        guard !looked.isEmpty else {
            return [
                .off(
                    "webhook address",
                    "Stripe has no endpoint for \(url): run cuebx stripe webhooks create")
            ]
        }
        return looked.flatMap(findings)
    }

    private func endpoints() async throws -> [StripeWebhookEndpoint] {
        try await stripe.listWebhookEndpoints()
            .filter { Self.trimmed($0.url) == Self.trimmed(url) }
    }

    private func findings(on endpoint: StripeWebhookEndpoint) -> [SetupFinding] {
        let id = endpoint.id
        let missing =
            endpoint.events.contains("*")
            ? [] : StripeWork.eventTypes.filter { !endpoint.events.contains($0) }
        let release = endpoint.apiVersion ?? "the account's default release"
        return [
            .right("webhook address", "\(id) is for \(endpoint.url)"),
            endpoint.apiVersion == stripeVersion
                ? .right("webhook version", "\(id) sends \(stripeVersion)")
                : .off(
                    "webhook version",
                    "\(id) sends \(release), not \(stripeVersion), for good: run cuebx stripe "
                        + "webhooks create and delete \(id)"),
            missing.isEmpty
                ? .right("webhook events", "\(id) sends what is needed")
                : .off(
                    "webhook events", "\(id) does not send \(missing.joined(separator: ", "))"),
            endpoint.isEnabled
                ? .right("webhook status", "\(id) is enabled")
                : .off("webhook status", "\(id) is disabled: enable it at Stripe"),
        ]
    }
}
