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
        let known = try await parts.seated(id, requestID: call.id)
        return Reply(
            try await parts.preview(Self.self, .seats(request.seats), known, id, call))
    }
}

/// `POST /api/subscriptions/workspaces/{workspace_id}/preview-upgrade`
package struct PreviewWorkspaceUpgrade: Action {
    let parts: WorkspaceBillingParts

    package static let about = About(
        "What another plan, other seats, or both would cost now",
        details: """
            For admins. Changes nothing. `/upgrade` with the same body within ten minutes is \
            charged just this; without a plan, or with the present one, `/seats` is. A lower plan \
            costs nothing now and begins at `effective_at`, by `/downgrade`.
            """,
        access: .workspaceAdmin,
        refusals: changeRefusals + [.planNotFound, .fewerSeatsLater, .moreSeatsNow])

    package func read(_ input: inout InputReader) -> (UUID, APIChangeRequest) {
        (input.workspace(), input.body(APIChangeRequest.self))
    }

    package func perform(
        _ input: (UUID, APIChangeRequest), _ call: Call
    ) async throws -> Reply<APIChangePreviewResponse> {
        let (id, request) = input
        let known = try await parts.seated(id, requestID: call.id)
        let wish: WorkspaceWish
        if let planID = request.planID, planID != known.plan.id {
            let plan = try await parts.plan(planID, besides: known)
            wish =
                PlanMove(from: known.plan, to: plan) == .upgrade
                ? .upgrade(plan, seats: request.seats) : .downgrade(plan, seats: request.seats)
        } else {
            wish = .seats(request.seats ?? known.paid)
        }
        return Reply(try await parts.preview(Self.self, wish, known, id, call))
    }
}

extension WorkspaceBillingParts {
    func preview<A: Action>(
        _ action: A.Type, _ wish: WorkspaceWish, _ known: SeatedSubscription, _ id: UUID,
        _ call: Call
    ) async throws -> APIChangePreviewResponse {
        let (move, _) = try await judge(action, wish, known, id, call, adds: false) { _, _ in true }
        if let buys = move.buys { return try await preview(order(known, buys), known, id) }
        return free(known, wish, move)
    }

    private func free(
        _ known: SeatedSubscription, _ wish: WorkspaceWish, _ move: WorkspaceMove
    ) -> APIChangePreviewResponse {
        let nothing = Money.zero(known.plan.price.currency)
        let end = Timestamp(ofStripe: known.base.currentPeriodEnd)
        let (plan, seats) =
            switch wish {
            case .seats(let wanted): (known.plan, wanted)
            case .upgrade(let plan, _), .downgrade(let plan, _):
                (plan, move.next?.seats ?? known.paid)
            }
        let isLater = plan.id != known.plan.id || seats < known.paid
        return APIChangePreviewResponse(
            current: known.plan, new: plan, seats: known.paid, newSeats: seats,
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

    package init(planID: UUID?, seats: Int64?) {
        self.planID = planID
        self.seats = seats
    }

    package init(_ reader: inout ObjectReader) {
        planID = reader.optional("new_plan_id", .uuid, "The present one, if not given.")
        seats = reader.optional(
            "new_seat_count", .integer(1...APICheckoutRequest.maximumSeats),
            "As many as there are, if not given.")
    }
}

package struct APIChangePreviewResponse: JSONObjectOutput {
    package let current: Plan
    package let new: Plan
    package let seats: Int64
    package let newSeats: Int64
    package let proration: Money
    package let due: Money
    package let tax: Money
    package let effectiveAt: Timestamp
    package let periodEnd: Timestamp

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
        OutputField(
            "effective_at", .time,
            "When it begins: now, or for a lower plan and fewer seats when what is paid ends."
        ) {
            $0.effectiveAt
        },
        OutputField(
            "billing_period_end", .time,
            "When what is paid for ends, as before."
        ) {
            $0.periodEnd
        },
    ]
}
