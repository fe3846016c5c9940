import Billing
import FoundationEssentials
import HTTPEndpoint
import JSON
import Subscriptions
import Values
import WorkspaceAccounts
import WorkspaceAuditLog
import WorkspaceBilling
import Workspaces

/// `PATCH /api/subscriptions/workspaces/{workspace_id}/seats`
package struct ChangeWorkspaceSeats: Action {
    let parts: WorkspaceBillingParts

    package static let about = About(
        "Pay for more seats now, or for fewer from the next period on",
        details: """
            For admins. More seats are prorated and charged now, and usable once that is paid; in \
            a trial they are free. A declined card changes nothing. Fewer begin with the next \
            period, never fewer than members are enabled, and count at once for who would be \
            enabled; the present number takes that back.
            """,
        access: .workspaceAdmin,
        refusals: purchaseRefusals + [.workspaceSuspended, .workspaceFrozen])

    package func read(_ input: inout InputReader) -> (UUID, SeatRequest) {
        (input.workspace(), input.body(SeatRequest.self))
    }

    package func perform(
        _ input: (UUID, SeatRequest), _ call: Call
    ) async throws -> Reply<APISubscriptionResponse> {
        let (id, request) = input
        try await parts.inTurn(Self.self, id, call) {
            try await change(to: request.seats, id, call)
        }
        guard let answer = try await parts.accounts.subscription(of: id, by: call) else {
            throw Problem.workspaceWithoutSubscription
        }
        return Reply(answer)
    }

    private func change(to wanted: Int64, _ id: UUID, _ call: Call) async throws {
        let known = try await parts.seated(id, requestID: call.id)
        let (move, before) = try await judge(wanted, known, id, call)
        switch move {
        case .none: return
        case .more:
            let order = try await parts.order(known, known.plan, seats: wanted)
            try await parts.buy(order, known, of: id)
        case .withdrawal: try await parts.billing.releaseSchedule(of: known.theirs)
        case .fewer:
            do {
                try await lower(known, to: wanted)
            } catch {
                try await hold(before, id, call)
                throw error
            }
        }
        try await parts.billing.mirror.refresh(known.theirs.id, userID: id, requestID: call.id)
        if move == .fewer { try await confirm(wanted, known, id, call) }
    }

    /// Judges under the workspace's lock, against who is enabled at the same time: fewer seats
    /// count from here on, before Stripe is asked.
    ///
    /// - Returns: the move, and what was to follow before.
    private func judge(
        _ wanted: Int64, _ known: SeatedSubscription, _ id: UUID, _ call: Call
    ) async throws -> (SeatMove, Int64?) {
        try await parts.workspaces.decide(Self.self, on: id, by: call) { decision in
            let row = decision.workspace
            let standing = known.standing(
                enabled: try MemberRow.enabled(of: id, in: decision.connection),
                isPersonal: row.isPersonal)
            let move: SeatMove
            do throws(SeatRefusal) {
                move = try standing.move(to: wanted, known.terms)
            } catch {
                throw Problem(error)
            }
            if move == .more, let refusal = row.refusalToAdd ?? known.refusalToBuy {
                throw refusal
            }
            if move == .fewer {
                if let refusal = known.refusalToLower { throw refusal }
                try row.setPendingSeats(wanted, in: decision.connection, now: decision.now)
            }
            if move != .none {
                try decision.note(
                    .seatsAsked, id, before: Self.told(known.paid, known.pending),
                    after: Self.told(
                        max(known.paid, wanted), wanted < known.paid ? wanted : nil))
            }
            return (move, row.subscription.pendingSeatCount)
        }
    }

    private static func told(_ seats: Int64, _ pending: Int64?) -> JSONObject {
        [
            "seat_count": .int(seats),
            "pending_seat_count": pending.map { .int($0) } ?? .null,
        ]
    }

    /// What was to follow before still does.
    private func hold(_ pending: Int64?, _ id: UUID, _ call: Call) async throws {
        try await parts.workspaces.decide(Self.self, on: id, by: call) { decision in
            try decision.workspace.setPendingSeats(
                pending, in: decision.connection, now: decision.now)
        }
    }

    private func lower(_ known: SeatedSubscription, to wanted: Int64) async throws {
        guard let seat = known.seat else { throw Problem.paymentProviderError }
        // What waits for its payment would go on, and be paid for nothing.
        guard try await parts.billing.giveUp(parts.billing.pendingUpgrade(of: known.theirs))
        else { throw Problem.paymentProcessing }
        try await parts.billing.schedule(
            seat.price, wanted, after: seat, of: known.plan.id, in: known.theirs)
    }

    /// Somebody may have been enabled by what had been heard of Stripe before: then the seats stay,
    /// and nobody is disabled at the period's end. Else it is told.
    private func confirm(
        _ wanted: Int64, _ known: SeatedSubscription, _ id: UUID, _ call: Call
    ) async throws {
        let mails = parts.workspaces.mails
        let isInUse = try await parts.workspaces.decide(Self.self, on: id, by: call) { decision in
            let (row, connection) = (decision.workspace, decision.connection)
            if try MemberRow.enabled(of: id, in: connection) > wanted { return true }
            guard row.subscription.pendingSeatCount == wanted else { return false }
            try mails.subscription(
                .seatsChanged, row, call.id, in: connection, now: decision.now)
            return false
        }
        guard isInUse else { return }
        try await parts.billing.releaseSchedule(of: known.theirs)
        try await parts.billing.mirror.refresh(known.theirs.id, userID: id, requestID: call.id)
        throw Problem.seatsInUse
    }
}

package struct SeatRequest: JSONInput {
    let seats: Int64

    package static let schemaName = "WorkspaceSeats"
    package static let about = "How many seats there are to be, the owner's among them."

    package init(_ reader: inout ObjectReader) {
        seats = reader.required(
            "seat_count", .integer(1...APICheckoutRequest.maximumSeats), "Within the plan's bounds."
        )
    }
}
