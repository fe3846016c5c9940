import Billing
import FoundationEssentials
import HTTPEndpoint
import JSON
import WorkspaceAccounts
import WorkspaceBilling
import Workspaces

/// `POST /api/subscriptions/workspaces/{workspace_id}/downgrade`
package struct DowngradeWorkspacePlan: Action {
    let parts: WorkspaceBillingParts

    package static let about = About(
        "A lower plan at the end of what is paid, with the present seats or fewer",
        details: """
            For admins. Nothing is charged or paid back now: the plan, its credits and its seats \
            stay until `scheduled_at`, a trial until its end. Fewer seats count at once for who \
            would be enabled. Another plan asked for takes the place of the first; `/resume`, \
            `/upgrade` and `/cancel` take it back, and the fewer seats with it. More seats that \
            are bought meanwhile follow with the plan. A personal workspace may have the Free \
            plan: that is a cancellation, which `/resume` takes back.
            """,
        access: .workspaceAdmin,
        refusals: planRefusals + [
            .upgradeNotDowngrade, .moreSeatsNow, .changeUnderWay, .paymentProcessing,
            .workspaceFrozen,
        ] + changeRefusals)

    package func read(_ input: inout InputReader) -> (UUID, APIDowngradeRequest) {
        (input.workspace(), input.body(APIDowngradeRequest.self))
    }

    package func perform(
        _ input: (UUID, APIDowngradeRequest), _ call: Call
    ) async throws -> Reply<APISubscriptionResponse> {
        let (id, request) = input
        try await parts.inTurn(Self.self, id, call) { turn in
            if try await parts.isFrozen(id) { throw Problem.workspaceFrozen }
            let known = try await parts.seated(id, requestID: call.id)
            let plan = try await parts.plan(request.planID, besides: known)
            try await WorkspaceChange<Self>(
                parts: parts, wish: .downgrade(plan, seats: request.seats), turn: turn, call: call
            ).perform(known)
        }
        return Reply(try await parts.answer(of: id, by: call))
    }
}

package struct APIDowngradeRequest: JSONInput {
    let planID: UUID
    let seats: Int64?

    package static let about = "A lower plan, and with how many seats."

    package init(planID: UUID, seats: Int64?) {
        self.planID = planID
        self.seats = seats
    }

    package init(_ reader: inout ObjectReader) {
        planID = reader.required("new_plan_id", .uuid, "A plan of a lower rank.")
        seats = reader.optional(
            "new_seat_count", .integer(1...APICheckoutRequest.maximumSeats),
            "As many as follow anyway, if not given.")
    }
}
