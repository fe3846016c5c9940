import Billing
import FoundationEssentials
import HTTPEndpoint
import JSON
import WorkspaceAccounts
import WorkspaceBilling
import Workspaces

/// `POST /api/subscriptions/workspaces/{workspace_id}/upgrade`
package struct UpgradeWorkspacePlan: Action {
    let parts: WorkspaceBillingParts

    package static let about = About(
        "A higher plan now, with the present seats or more",
        details: """
            For admins. Prorated and charged now: within ten minutes just what \
            `/preview-upgrade` of the same body has shown. A declined card changes nothing. A \
            lower plan or fewer seats that were to follow do so no more.
            """,
        access: .activeWorkspaceAdmin,
        refusals: planRefusals + [.downgradeNotAllowed, .fewerSeatsLater] + purchaseRefusals)

    package func read(_ input: inout InputReader) -> (UUID, APIUpgradeRequest) {
        (input.workspace(), input.body(APIUpgradeRequest.self))
    }

    package func perform(
        _ input: (UUID, APIUpgradeRequest), _ call: Call
    ) async throws -> Reply<APISubscriptionResponse> {
        try await perform(input, call, agreedAt: nil)
    }

    /// - Parameter agreed: the `effective_at` of the preview that was agreed to, in Unix seconds.
    /// - Throws: ``Problem`` 409 `preview_expired` if another price would be charged; else as the
    ///   other.
    package func perform(
        _ input: (UUID, APIUpgradeRequest), _ call: Call, agreedAt agreed: Int64?
    ) async throws -> Reply<APISubscriptionResponse> {
        let (id, request) = input
        try await parts.inTurn(Self.self, id, call, agreedAt: agreed) { turn in
            let known = try await parts.seated(id, requestID: call.id)
            let plan = try await parts.plan(request.planID, besides: known)
            try await WorkspaceChange<Self>(
                parts: parts, wish: .upgrade(plan, seats: request.seats), turn: turn, call: call
            ).perform(known)
        }
        return Reply(try await parts.answer(of: id, by: call))
    }
}

package struct APIUpgradeRequest: JSONInput {
    let planID: UUID
    let seats: Int64?

    package static let about = "A higher plan, and with how many seats."

    package init(planID: UUID, seats: Int64?) {
        self.planID = planID
        self.seats = seats
    }

    package init(_ reader: inout ObjectReader) {
        planID = reader.required("new_plan_id", .uuid, "A plan of a higher rank.")
        seats = reader.optional(
            "new_seat_count", .integer(1...APICheckoutRequest.maximumSeats),
            "As many as there are, if not given.")
    }
}
