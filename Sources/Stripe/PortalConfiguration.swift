/// The configuration of the customer portal that this service uses. It is known by its metadata, so
/// that no setting has to name it and every process finds the same one.
package struct PortalConfiguration: Sendable {
    package let stripe: StripeClient
    /// What it is known by.
    package let mark: [String: String]

    /// - Parameter product: whose customers it is for.
    package init(stripe: StripeClient, of product: String = "career") {
        self.stripe = stripe
        mark = ["cuebx_portal": product]
    }

    /// The newest configuration with our mark; `nil` if there is none. A key that may not list
    /// configurations leaves the sessions to the account's default one.
    package func ofSessions() async throws -> StripePortalConfiguration? {
        do {
            return try await marked()
        } catch let error as StripeError {
            guard case .permission = error.kind else { throw error }
            return nil
        }
    }

    /// - Throws: ``StripeError``, also for a key that may not list configurations.
    package func marked() async throws -> StripePortalConfiguration? {
        try await stripe.listPortalConfigurations().first { configuration in
            mark.allSatisfy { configuration.metadata[$0.key] == $0.value }
        }
    }
}
