import Foundation
import Stripe

/// The customer portal as this service wants it: cards, invoices and the cancellation at the
/// period's end. Plan changes belong to our own API, which judges and charges them at once.
///
/// The configuration is known by its metadata, so that no setting has to name it and every process
/// finds the same one.
public struct PortalSetup: Sendable {
    private static let mark = ["cuebx_portal": "career"]

    let stripe: StripeClient

    init(stripe: StripeClient) {
        self.stripe = stripe
    }

    public init(_ settings: Settings) throws {
        self.init(stripe: try CareerServices.stripe(settings))
    }

    /// The newest configuration with our mark; `nil` if there is none. A key that may not list
    /// configurations leaves the sessions to the account's default one.
    func configurationOfSessions() async throws -> StripePortalConfiguration? {
        do {
            return try await marked()
        } catch let error as StripeError {
            guard case .permission = error.kind else { throw error }
            return nil
        }
    }

    private func marked() async throws -> StripePortalConfiguration? {
        try await stripe.listPortalConfigurations().first { configuration in
            Self.mark.allSatisfy { configuration.metadata[$0.key] == $0.value }
        }
    }

    /// Makes the configuration, or sets right the one that is there.
    ///
    /// - Returns: one sentence on what was done.
    public func create(returnURL: String) async throws -> String {
        let found = try await marked()
        if let found, found.flaws.isEmpty { return "\(found.id) is there and right." }
        let wanted = NewStripePortalConfiguration(
            headline: "CueBX Career", returnURL: returnURL, metadata: Self.mark)
        let saved = try await stripe.savePortalConfiguration(
            found?.id, wanted, "portal-\(UUID().text)")
        return found == nil ? "\(saved.id) is made." : "\(saved.id) is set right."
    }

    public func check() async throws -> [SetupFinding] {
        guard let found = try await marked() else {
            return [
                .off(
                    "portal",
                    "Stripe has no configuration of ours, so that customers get the account's "
                        + "default one: run cuebx stripe portal create")
            ]
        }
        let flaws = found.flaws
        return flaws.isEmpty
            ? [.right("portal", "\(found.id) offers cards, invoices and the cancellation alone")]
            : [
                .off(
                    "portal",
                    "\(found.id) \(flaws.joined(separator: ", ")): run cuebx stripe portal create"
                )
            ]
    }
}

extension StripePortalConfiguration {
    /// How it differs from what this service wants.
    fileprivate var flaws: [String] {
        var flaws: [String] = []
        if hasPlanChanges { flaws.append("lets customers change their plan") }
        if !hasCards { flaws.append("does not let them change their card") }
        if !hasInvoices { flaws.append("does not show their invoices") }
        if !hasCancellation {
            flaws.append("does not let them cancel")
        } else if cancellationMode != "at_period_end" {
            flaws.append("lets them cancel at once")
        }
        return flaws
    }
}
