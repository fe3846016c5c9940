import Billing
import FoundationEssentials
import HTTPEndpoint
import Stripe
import Subscriptions
import Workspaces

/// `POST /api/subscriptions/workspaces/{workspace_id}/portal`
package struct OpenWorkspacePortal: Action {
    let parts: WorkspaceBillingParts
    /// Where the page leads back to; `nil` for the site's first page.
    var returnURL: String?

    package static let about = About(
        "Stripe's page for a workspace's cards, invoices and address",
        details: "For admins. Nothing can be canceled, bought or changed there.",
        access: .workspaceAdmin,
        refusals: [
            .subscriptionNotFound, .noBillingAccount, .paymentProviderUnavailable,
            .paymentProviderError,
        ])

    package func read(_ input: inout InputReader) -> UUID { input.workspace() }

    package func perform(_ id: UUID, _ call: Call) async throws -> Reply<PortalResponse> {
        try await parts.workspaces.look(at: id, by: call) { _, _ in }
        guard try await parts.billing.hasAccount(id) else { throw Problem.noBillingAccount }
        let url = try await parts.billing.openPortal(
            of: id, returnURL: returnURL ?? parts.publicURL, requestID: call.id
        ) { try await configuration() }
        return Reply(PortalResponse(url: url))
    }

    /// The configuration of workspaces, which is made by the first who needs it: the account's
    /// default one may let its visitors cancel, which is the owner's.
    private func configuration() async throws -> String {
        let stripe = parts.billing.stripe
        let portal = PortalConfiguration(stripe: stripe, of: "workspaces")
        let found = try await portal.marked()
        if let found, !found.hasCancellation, !found.hasPlanChanges { return found.id }
        let wanted = NewStripePortalConfiguration(
            headline: "CueBX", returnURL: parts.publicURL, metadata: portal.mark, cancels: false,
            hasAddress: true)
        func save(_ id: String?) async throws -> String {
            try await stripe.savePortalConfiguration(
                id, wanted, "portal-workspaces-\(UUID().text)"
            ).id
        }
        // What was changed at Stripe by hand is set right.
        if let found { return try await save(found.id) }
        // Two who ask at once make one.
        _ = try await once("portal-workspaces-\(parts.publicURL)") { (key) throws(StripeError) in
            try await stripe.savePortalConfiguration(nil, wanted, key)
        }
        // An answer that Stripe repeats may be of one that is in use no longer.
        if let made = try await portal.marked() { return made.id }
        return try await save(nil)
    }
}

extension CareerBillingService {
    /// Whether a holder has an account, paid for or not.
    func hasAccount(_ holder: UUID) async throws -> Bool {
        try await subscriptions.subscription(of: holder) != nil
    }
}
