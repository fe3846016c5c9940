import Billing
import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Messaging
import Stripe
import Subscriptions
import Values
import WorkspaceAuditLog
import WorkspaceBilling
import Workspaces

/// Another number of seats on the present plan, by whichever action it was asked for. What it
/// answers is there: the seats that are paid for, and how many follow.
struct SeatChange<Asked: Action>: Sendable {
    let parts: WorkspaceBillingParts
    let wanted: Int64
    let turn: SeatTurn
    let call: Call
    private var billing: CareerBillingService { parts.billing }

    func perform(_ known: SeatedSubscription) async throws {
        let (move, before) = try await judge(known)
        do {
            try await carryOut(move, known)
        } catch {
            if move == .fewer { await takeBack(before, after: error, known) }
            throw error
        }
        // Also where nothing was to be done: what is known here may be behind.
        try await refresh(known)
        if try await parts.follows(
            wanted < known.paid ? wanted : nil, before, isAsked: move == .fewer, turn, call)
        {
            return try await requireSeats()
        }
        // Somebody was enabled by what had been heard of Stripe before: the seats stay, and nobody
        // is disabled at the period's end.
        try await turn.require()
        try await billing.releaseSchedule(of: known.theirs)
        _ = try await parts.follows(nil, before, isAsked: false, turn, call)
        try await refresh(known)
        throw Problem.seatsInUse
    }

    /// Judges under the workspace's lock, against who is enabled at the same time: fewer seats
    /// count from here on, before Stripe is asked.
    ///
    /// - Returns: the move, and what was to follow before.
    private func judge(_ known: SeatedSubscription) async throws -> (SeatMove, Int64?) {
        let (id, wanted) = (turn.workspace, wanted)
        return try await parts.workspaces.decide(Asked.self, on: id, by: call) { decision in
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

    private func carryOut(_ move: SeatMove, _ known: SeatedSubscription) async throws {
        if move == .more {
            let order = try await parts.order(known, known.plan, seats: wanted)
            return try await parts.buy(order, known, turn)
        }
        // What waits for its payment would go on, and be paid for nothing.
        guard try await billing.giveUp(billing.pendingUpgrade(of: known.theirs))
        else { throw Problem.paymentProcessing }
        if move == .fewer {
            guard let seat = known.seat else { throw Problem.paymentProviderError }
            try await turn.require()
            return try await billing.schedule(
                seat.price, wanted, after: seat, of: known.plan.id, in: known.theirs)
        }
        // No earlier move may bring back what is taken back here.
        try await billing.moves.settle(known.theirs.id)
        guard move == .withdrawal else { return }
        try await turn.require()
        try await billing.releaseSchedule(of: known.theirs)
    }

    private func refresh(_ known: SeatedSubscription) async throws {
        try await billing.mirror.refresh(
            known.theirs.id, userID: turn.workspace, requestID: call.id)
    }

    /// What Stripe has refused leaves what was to follow before. What Stripe may have carried out
    /// counts until Stripe tells: to be looked at now, or by a worker once Stripe answers.
    private func takeBack(
        _ before: Int64?, after error: any Error, _ known: SeatedSubscription
    ) async {
        let id = turn.workspace
        do {
            let isRefused = error is Problem || (error as? StripeError)?.isRefusal == true
            if isRefused {
                // Whoever asks may have become another meanwhile: nobody is judged here.
                try await billing.database.write { [billing, turn, wanted] connection in
                    let row = try WorkspaceRow.findLocked(id, in: connection)
                    guard let row, row.subscription.pendingSeatCount == wanted else { return }
                    let now = billing.clock.now()
                    try turn.require(in: connection, now: now)
                    try row.setPendingSeats(before, in: connection, now: now)
                }
            }
            // From here on what is mirrored of Stripe counts.
            await turn.giveBack()
            do {
                try await refresh(known)
            } catch {
                try await leaveMessage(known)
            }
        } catch {
            billing.mirror.logger.warning(
                "fewer seats stay though nobody knows whether they follow",
                metadata: ["workspace": "\(id.text)", "error": "\(error)"])
        }
    }

    private func leaveMessage(_ known: SeatedSubscription) async throws {
        let body: JSONObject = ["type": "seats", "subscription": .string(known.theirs.id)]
        _ = try await billing.database.write { [billing, call] connection in
            try billing.erased.broker.enqueue(
                .subscriptionUpdated, JSONValue.object(body).compactText,
                MessageEnvelope(requestID: call.id), in: connection, now: billing.clock.now())
        }
    }

    /// - Throws: ``Problem`` 503 if Stripe has it otherwise by now: nothing may be claimed.
    private func requireSeats() async throws {
        let row = try await billing.database.read { [turn] in
            try WorkspaceRow.find(turn.workspace, in: $0)
        }
        guard let row, row.subscription.seatCount >= wanted else {
            throw Problem.paymentProviderUnavailable
        }
    }
}

extension WorkspaceBillingParts {
    /// Takes over what follows by what a change has come to, which the mirror leaves alone while
    /// the change is under way, and tells of it once.
    ///
    /// - Parameters:
    ///   - pending: fewer seats, which the next period begins with.
    ///   - before: what was to follow when the change began.
    ///   - isAsked: whether it is told of though it is what was known.
    /// - Returns: false if more members are enabled than seats follow; then nothing is written.
    func follows(
        _ pending: Int64?, _ before: Int64?, isAsked: Bool, _ turn: SeatTurn, _ call: Call
    ) async throws -> Bool {
        let (mails, id, clock) = (workspaces.mails, turn.workspace, billing.clock)
        return try await billing.database.write { connection in
            guard let row = try WorkspaceRow.findLocked(id, in: connection) else {
                throw Problem.workspaceNotFound
            }
            let now = clock.now()
            try turn.require(in: connection, now: now)
            if let pending, try MemberRow.enabled(of: id, in: connection) > pending {
                return false
            }
            if row.subscription.pendingSeatCount != pending {
                try row.setPendingSeats(pending, in: connection, now: now)
            } else if pending == nil {
                // Nothing followed, or the mirror has told of it with the seats.
                return true
            }
            guard isAsked || pending != before, !row.isPersonal, row.frozenAt == nil,
                let changed = try WorkspaceRow.find(id, in: connection)
            else { return true }
            try mails.subscription(.seatsChanged, changed, call.id, in: connection, now: now)
            return true
        }
    }
}
