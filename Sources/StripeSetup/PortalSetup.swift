import Billing
import Foundation
import Stripe

/// The customer portal as this service wants it: cards, invoices and the cancellation at the
/// period's end. Plan changes belong to our own API, which judges and charges them at once.
public struct PortalSetup: Sendable {
    private let configuration: PortalConfiguration

    package init(stripe: StripeClient) {
        configuration = PortalConfiguration(stripe: stripe)
    }

    /// Makes the configuration, or sets right the one that is there.
    ///
    /// - Returns: one sentence on what was done.
    public func create(returnURL: String) async throws -> String {
        let found = try await configuration.marked()
        if let found, found.flaws.isEmpty { return "\(found.id) is there and right." }
        let wanted = NewStripePortalConfiguration(
            headline: "CueBX Career", returnURL: returnURL, metadata: configuration.mark)
        let saved = try await configuration.stripe.savePortalConfiguration(
            found?.id, wanted, "portal-\(UUID().text)")
        return found == nil ? "\(saved.id) is made." : "\(saved.id) is set right."
    }

    public func check() async throws -> [SetupFinding] {
        guard let found = try await configuration.marked() else {
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
