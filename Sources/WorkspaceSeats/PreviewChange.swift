import API
import Billing
import FoundationEssentials
import HTTPEndpoint
import Ledger
import Stripe
import Subscriptions
import Values
import WorkspaceBilling
import Workspaces

/// `POST /api/subscriptions/workspaces/{workspace_id}/preview-seats`
package struct PreviewWorkspaceSeats: Action {
    let parts: WorkspaceBillingParts

    package static let about = About(
        "What another number of seats would cost now",
        details: "For admins. Changes nothing. Fewer cost nothing, and begin at `effective_at`.",
        access: .workspaceAdmin, refusals: changeRefusals)

    package func read(_ input: inout InputReader) -> (UUID, SeatRequest) {
        (input.workspace(), input.body(SeatRequest.self))
    }

    package func perform(
        _ input: (UUID, SeatRequest), _ call: Call
    ) async throws -> Reply<APIChangePreviewResponse> {
        let (id, request) = input
        return Reply(
            try await parts.previewSeats(Self.self, request.seats, id, call))
    }
}

/// `POST /api/subscriptions/workspaces/{workspace_id}/preview-upgrade`
package struct PreviewWorkspaceUpgrade: Action {
    let parts: WorkspaceBillingParts

    package static let about = About(
        "What a higher plan, other seats, or both would cost now",
        details: """
            For admins. Changes nothing. `/upgrade` with the same body within ten minutes is \
            charged just this; without a plan, or with the present one, `/seats` is.
            """,
        access: .workspaceAdmin,
        refusals: changeRefusals + [.planNotFound, .downgradeNotAllowed, .fewerSeatsLater])

    package func read(_ input: inout InputReader) -> (UUID, APIChangeRequest) {
        (input.workspace(), input.body(APIChangeRequest.self))
    }

    package func perform(
        _ input: (UUID, APIChangeRequest), _ call: Call
    ) async throws -> Reply<APIChangePreviewResponse> {
        let (id, request) = input
        let known = try await parts.seated(id, requestID: call.id)
        guard let planID = request.planID, planID != known.plan.id else {
            return Reply(
                try await parts.previewSeats(
                    Self.self, request.seats ?? known.paid, id, call))
        }
        let order = try await parts.upgrade(
            Self.self, known, to: planID, seats: request.seats, id, call)
        return Reply(try await parts.preview(order, known, id))
    }
}

extension WorkspaceBillingParts {
    func previewSeats<A: Action>(
        _ action: A.Type, _ wanted: Int64, _ id: UUID, _ call: Call
    ) async throws -> APIChangePreviewResponse {
        let known = try await seated(id, requestID: call.id)
        let move = try await workspaces.decide(action, on: id, by: call) { decision in
            let standing = known.standing(
                enabled: try MemberRow.enabled(of: id, in: decision.connection),
                isPersonal: decision.workspace.isPersonal)
            do throws(SeatRefusal) {
                return try standing.move(to: wanted, known.terms)
            } catch {
                throw Problem(error)
            }
        }
        if move == .fewer, let refusal = known.refusalToLower { throw refusal }
        guard move == .more else { return free(known, wanted, isLater: wanted < known.paid) }
        if let refusal = known.refusalToBuy { throw refusal }
        return try await preview(try await order(known, known.plan, seats: wanted), known, id)
    }

    private func free(
        _ known: SeatedSubscription, _ wanted: Int64, isLater: Bool
    ) -> APIChangePreviewResponse {
        let nothing = Money.zero(known.plan.price.currency)
        let end = Timestamp(ofStripe: known.base.currentPeriodEnd)
        return APIChangePreviewResponse(
            current: known.plan, new: known.plan, seats: known.paid, newSeats: wanted,
            proration: nothing, due: nothing, tax: nothing,
            effectiveAt: isLater ? end : billing.clock.now(), periodEnd: end)
    }

    func preview(
        _ order: SeatOrder, _ known: SeatedSubscription, _ id: UUID
    ) async throws -> APIChangePreviewResponse {
        let date = max(billing.clock.now().seconds, known.base.currentPeriodStart)
        let change = change(order, known, at: date)
        let invoice = try await billing.withAddress(of: change.customerID) {
            try await billing.stripe.previewUpgrade(change)
        }
        try await billing.database.write { connection in
            // It may be deleted by now.
            guard try WorkspaceRow.findLocked(id, in: connection) != nil else {
                throw Problem.workspaceNotFound
            }
            try PlanChanges.show(order.order(known), at: date, of: id, in: connection)
        }
        func money(_ amount: Int64) throws -> Money {
            guard let money = Money(amount: amount, currency: invoice.currency) else {
                throw StripeError(.malformedResponse(field: "invoice.total"))
            }
            return money
        }
        return APIChangePreviewResponse(
            current: known.plan, new: order.plan, seats: known.paid, newSeats: order.seats,
            proration: try money(invoice.total), due: try money(invoice.amountDue),
            tax: try money(invoice.tax), effectiveAt: Timestamp(ofStripe: date),
            periodEnd: Timestamp(ofStripe: known.base.currentPeriodEnd))
    }
}

package struct APIChangeRequest: JSONInput {
    let planID: UUID?
    let seats: Int64?

    package static let about = "Another plan, other seats, or both."

    package init(_ reader: inout ObjectReader) {
        planID = reader.optional("new_plan_id", .uuid, "The present one, if not given.")
        seats = reader.optional(
            "new_seat_count", .integer(1...APICheckoutRequest.maximumSeats),
            "As many as there are, if not given.")
    }
}

package struct APIChangePreviewResponse: JSONObjectOutput {
    let current: Plan
    let new: Plan
    let seats: Int64
    let newSeats: Int64
    let proration: Money
    let due: Money
    let tax: Money
    let effectiveAt: Timestamp
    let periodEnd: Timestamp

    package static let about = "What a change of plan or seats would cost."
    package static let fields: [OutputField<APIChangePreviewResponse>] = [
        OutputField("current_plan", .object, "The plan now.") { APIPlanResponse(plan: $0.current) },
        OutputField("new_plan", .object, "The plan afterwards.") { APIPlanResponse(plan: $0.new) },
        OutputField("seat_count", .integer, "Seats that are paid for now.") { $0.seats },
        OutputField("new_seat_count", .integer, "Seats afterwards.") { $0.newSeats },
        OutputField("proration_amount", .text, "The prorated difference, a decimal string.") {
            $0.proration.decimal
        },
        OutputField("total_due", .text, "What would be charged now, a decimal string.") {
            $0.due.decimal
        },
        OutputField("tax", .text, "The tax on it, a decimal string.") { $0.tax.decimal },
        OutputField("currency", .text, "ISO 4217, lower case.") { $0.due.currency.code },
        OutputField("effective_at", .time, "When it begins: now, or for fewer seats later.") {
            $0.effectiveAt
        },
        OutputField("billing_period_end", .time, "When what is paid for ends, as before.") {
            $0.periodEnd
        },
    ]
}
