import Billing
import FoundationEssentials
import HTTPEndpoint
import JSON
import Ledger
import Stripe
import Subscriptions
import Values
import WorkspaceAccounts
import WorkspaceAuditLog
import WorkspaceBilling
import Workspaces

/// `POST /api/subscriptions/workspaces/{workspace_id}/upgrade`
package struct UpgradeWorkspacePlan: Action {
    let parts: WorkspaceBillingParts

    package static let about = About(
        "A higher plan now, with the present seats or more",
        details: """
            For admins. Prorated and charged now: within ten minutes just what \
            `/preview-upgrade` of the same body has shown. A declined card changes nothing. Fewer \
            seats that were to follow do so no more.
            """,
        access: .activeWorkspaceAdmin, refusals: upgradeRefusals + purchaseRefusals)

    package func read(_ input: inout InputReader) -> (UUID, APIUpgradeRequest) {
        (input.workspace(), input.body(APIUpgradeRequest.self))
    }

    package func perform(
        _ input: (UUID, APIUpgradeRequest), _ call: Call
    ) async throws -> Reply<APISubscriptionResponse> {
        let (id, request) = input
        let plan = try await parts.inTurn(Self.self, id, call) { turn in
            let known = try await parts.seated(id, requestID: call.id)
            if let seats = known.seatsAlone(request) {
                try await SeatChange<Self>(parts: parts, wanted: seats, turn: turn, call: call)
                    .perform(known)
                return known.plan.id
            }
            let order = try await parts.upgrade(
                Self.self, known, to: request.planID, seats: request.seats, id, call
            ) { decision, seats in
                try decision.note(
                    .planAsked, id,
                    before: [
                        "plan_id": .string(known.plan.id.text), "seat_count": .int(known.paid),
                    ],
                    after: ["plan_id": .string(request.planID.text), "seat_count": .int(seats)])
            }
            try await parts.buy(order, known, turn)
            try await parts.billing.mirror.refresh(
                known.theirs.id, userID: id, requestID: call.id)
            _ = try await parts.follows(nil, known.pending, isAsked: false, turn, call)
            return order.plan.id
        }
        // Somebody gave it up while it was charged: nothing may be claimed.
        guard try await parts.billing.subscription(of: id).plan.id == plan,
            let answer = try await parts.accounts.subscription(of: id, by: call)
        else { throw Problem.paymentProviderUnavailable }
        return Reply(answer)
    }
}

extension SeatedSubscription {
    /// Another number of seats on the present plan is a change of seats, as the preview of the same
    /// body shows; `nil` for another plan, and where nothing would change.
    fileprivate func seatsAlone(_ request: APIUpgradeRequest) -> Int64? {
        guard request.planID == plan.id, let seats = request.seats else { return nil }
        return seats == paid && pending == nil ? nil : seats
    }
}

extension WorkspaceBillingParts {
    /// Judges a higher plan with so many seats, under the workspace's lock.
    func upgrade<A: Action>(
        _ action: A.Type, _ known: SeatedSubscription, to planID: UUID, seats: Int64?, _ id: UUID,
        _ call: Call,
        _ note: @escaping @Sendable (WorkspaceDecision, Int64) throws -> Void = { _, _ in }
    ) async throws -> SeatOrder {
        let new = try await billing.planForSale(planID)
        let standing = UpgradeStanding(
            plan: known.plan, isBilled: true,
            status: Subscription.Status(known.theirs.status),
            cancelAtPeriodEnd: known.theirs.isEnding)
        if let refusal = standing.refusal(of: new) {
            // Stripe may know what we have not heard yet.
            try await billing.mirror.refresh(known.theirs.id, userID: id, requestID: call.id)
            throw Problem(refusal)
        }
        guard let terms = new.seats else { throw Problem.planNotFound }
        let wanted = try await workspaces.decide(action, on: id, by: call) { decision in
            let standing = known.standing(
                enabled: try MemberRow.enabled(of: id, in: decision.connection),
                isPersonal: decision.workspace.isPersonal)
            let wanted: Int64
            do throws(SeatRefusal) {
                wanted = try standing.upgrade(with: seats, terms)
            } catch {
                throw Problem(error)
            }
            try note(decision, wanted)
            return wanted
        }
        return try await order(known, new, seats: wanted)
    }
}

let upgradeRefusals: [Problem] = [
    .planNotFound, .samePlan, .downgradeNotAllowed, .fewerSeatsLater,
]

package struct APIUpgradeRequest: JSONInput {
    let planID: UUID
    let seats: Int64?

    package static let about = "A higher plan, and with how many seats."

    package init(_ reader: inout ObjectReader) {
        planID = reader.required("new_plan_id", .uuid, "A plan of a higher rank.")
        seats = reader.optional(
            "new_seat_count", .integer(1...APICheckoutRequest.maximumSeats),
            "As many as there are, if not given.")
    }
}
