import Billing
import FoundationEssentials
import HTTPEndpoint
import Stripe
import Subscriptions
import Workspaces

/// `POST /api/subscriptions/workspaces/{workspace_id}/portal`
package struct OpenWorkspacePortal: Action {
    let parts: WorkspaceBillingParts

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
            of: id, returnURL: parts.publicURL, requestID: call.id
        ) { try await configuration() }
        return Reply(PortalResponse(url: url))
    }

    /// The configuration of workspaces, which is made by the first who needs it: the account's
    /// default one may let its visitors cancel, which is the owner's.
    private func configuration() async throws -> String {
        let stripe = parts.billing.stripe
        let portal = PortalConfiguration(stripe: stripe, of: "workspaces")
        if let found = try await portal.marked() { return found.id }
        let wanted = NewStripePortalConfiguration(
            headline: "CueBX", returnURL: parts.publicURL, metadata: portal.mark, cancels: false,
            hasAddress: true)
        // Two who ask at once make one.
        return try await stripe.savePortalConfiguration(
            nil, wanted, "portal-workspaces-\(parts.publicURL)"
        ).id
    }
}

extension CareerBillingService {
    /// Whether a holder has an account, paid for or not.
    func hasAccount(_ holder: UUID) async throws -> Bool {
        try await subscriptions.subscription(of: holder) != nil
    }
}
