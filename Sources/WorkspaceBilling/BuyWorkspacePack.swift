import FoundationEssentials
import HTTPEndpoint
import Subscriptions
import Workspaces

/// `POST /api/workspaces/{workspace_id}/credits/checkout`: a page on which a pack of credits is
/// bought for a workspace.
package struct BuyWorkspacePack: Action {
    let parts: WorkspaceBillingParts

    package static let about = About(
        "Buy a pack of credits for a workspace on Stripe's checkout page",
        details: """
            For admins. The workspace's own customer pays. What the pack says now is granted once \
            its payment is there, whatever the catalog says then. Asking again for the same leads \
            to the same page while it is open.
            """,
        access: .activeWorkspaceAdmin,
        refusals: [
            .packNotFound, .subscriptionInactive, .paymentProviderUnavailable,
            .paymentProviderError,
        ])

    package func read(_ input: inout InputReader) -> (UUID, PackCheckoutRequest) {
        (input.workspace(), input.body(PackCheckoutRequest.self))
    }

    package func perform(
        _ input: (UUID, PackCheckoutRequest), _ call: Call
    ) async throws -> Reply<APICheckoutResponse> {
        let (id, request) = input
        try await parts.requireAccount(id)
        _ = try await parts.billing.packForSale(request.packID)
        _ = try await parts.begin(Self.self, .packCheckoutBegun, on: id, by: call)
        let page = try await parts.billing.sell(request, to: id, requestID: call.id)
        return Reply(APICheckoutResponse(page: page))
    }
}
