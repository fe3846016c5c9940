import Billing
import FoundationEssentials
import HTTPEndpoint
import Ledger
import Subscriptions
import Values
import WorkspaceAuditLog
import Workspaces

/// `POST /api/subscriptions/workspaces/{workspace_id}/checkout`
package struct StartWorkspaceCheckout: Action {
    let parts: WorkspaceBillingParts

    package static let about = About(
        "Buy a plan with seats on Stripe's checkout page",
        details: """
            For admins; a frozen workspace may, too. Every seat is billed, the owner's too; a \
            personal workspace has one. A workspace has at most one open page: asking again for \
            the same returns it. The trial is given once a workspace and once an owner.
            """,
        access: .unsuspendedWorkspaceAdmin,
        refusals: [
            .planNotFound, .seatsOutsidePlan, .alreadySubscribed, .checkoutSuperseded,
            .paymentProviderUnavailable, .paymentProviderError,
        ])

    package func read(_ input: inout InputReader) -> (UUID, APICheckoutRequest) {
        (input.workspace(), input.body(APICheckoutRequest.self))
    }

    package func perform(
        _ input: (UUID, APICheckoutRequest), _ call: Call
    ) async throws -> Reply<APICheckoutResponse> {
        let (id, request) = input
        let plan = try await parts.billing.planForSale(request.planID)
        let known = try await parts.workspaces.look(at: id, by: call) { membership, _ in
            membership.workspace
        }
        guard plan.seats?.allows(request.seats) == true, !known.isPersonal || request.seats == 1
        else { throw Problem.seatsOutsidePlan }
        let workspace = try await parts.begin(Self.self, .checkoutBegun, on: id, by: call)
        let page = try await parts.billing.openCheckout(
            sale(of: plan, request, to: workspace, requestID: call.id), of: id,
            requestID: call.id)
        return Reply(APICheckoutResponse(page: page))
    }

    private func sale(
        of plan: Plan, _ request: APICheckoutRequest, to workspace: WorkspaceRow,
        requestID: String
    ) -> CheckoutSale {
        let (trials, owner) = (parts.trials, workspace.ownerID)
        return CheckoutSale(
            order: Checkouts.Order(
                planID: plan.id, seats: request.seats, successURL: request.successURL,
                cancelURL: request.cancelURL),
            plan: plan, before: { try await openAccount(of: workspace, for: plan) },
            trialDays: { account in
                guard plan.trialDays > 0, !account.subscription.trialUsed,
                    try await trials.claim(for: workspace.id, of: owner, requestID: requestID)
                else { return 0 }
                return plan.trialDays
            },
            holds: { trialDays in
                guard trialDays > 0 else { return true }
                return try await trials.isClaimed(for: workspace.id, of: owner)
            })
    }

    private func openAccount(of workspace: WorkspaceRow, for plan: Plan) async throws {
        if workspace.isPersonal {
            try await parts.workspaces.subscribe(workspace.id)
        } else {
            _ = try await parts.billing.ledger.perform(
                OpenUnpaidAccount(
                    userID: workspace.id, planID: plan.id, at: parts.billing.clock.now()))
        }
    }
}

extension WorkspaceBillingParts {
    /// The days of trial that a checkout now would begin with; 0 for none.
    package func trialDays(of plan: Plan, for workspace: WorkspaceRow) async throws -> Int64 {
        let account = try await billing.subscriptions.subscription(of: workspace.id)?.account
        guard plan.trialDays > 0, account?.subscription.trialUsed != true,
            try await trials.isLeft(to: workspace.ownerID)
        else { return 0 }
        return plan.trialDays
    }
}

package struct APICheckoutRequest: JSONInput {
    /// Seats that can be asked for; more is no plan's.
    package static let maximumSeats: Int64 = 100_000

    let planID: UUID
    let seats: Int64
    let successURL: String
    let cancelURL: String

    package static let about = "Which plan, how many seats, and where to come back to."

    package init(planID: UUID, seats: Int64, successURL: String, cancelURL: String) {
        self.planID = planID
        self.seats = seats
        self.successURL = successURL
        self.cancelURL = cancelURL
    }

    package init(_ reader: inout ObjectReader) {
        planID = reader.required("plan_id", .uuid, "A paid plan.")
        seats = reader.required(
            "seat_count", .integer(1...Self.maximumSeats), "Within the plan's bounds.")
        successURL = reader.required(
            "success_url", .webAddress,
            "Where the buyer comes back to; `{CHECKOUT_SESSION_ID}` in it is filled in.")
        cancelURL = reader.required(
            "cancel_url", .webAddress, "Where the buyer comes back to without having paid.")
    }
}

/// Where somebody pays for a workspace.
package struct APICheckoutResponse: JSONObjectOutput {
    package let page: CareerCheckoutResponse

    package static let about = "A page on which to pay."
    package static let fields: [OutputField<APICheckoutResponse>] =
        CareerCheckoutResponse.fields.map { $0.of { (answer: APICheckoutResponse) in answer.page } }
}
