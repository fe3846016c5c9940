import Billing
import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Ledger
import Messaging
import Stripe
import Subscriptions
import Values
import WorkspaceAuditLog
import WorkspaceBilling
import Workspaces

/// A change of a workspace's plan and seats, by whichever action it was asked for. What it answers
/// is there: what is paid for, and what follows.
struct WorkspaceChange<Asked: Action>: Sendable {
    let parts: WorkspaceBillingParts
    let wish: WorkspaceWish
    let turn: SeatTurn
    let call: Call
    private var billing: CareerBillingService { parts.billing }

    func perform(_ known: SeatedSubscription) async throws {
        let (move, before) = try await judge(known)
        let pending = move.pending(known)
        do {
            try await carryOut(move, known)
        } catch {
            if let pending { await takeBack(pending, for: before, after: error, known) }
            throw error
        }
        // Also where nothing was to be done: what is known here may be behind.
        try await refresh(known)
        let isAsked = pending != nil && pending != known.pending
        if try await parts.follows(pending, before, isAsked: isAsked, turn, call) {
            return try await require(move, known)
        }
        // Somebody was enabled by what had been heard of Stripe before: the seats stay, and nobody
        // is disabled at the period's end.
        try await turn.require()
        try await keepSeats(known)
        _ = try await parts.follows(nil, before, isAsked: false, turn, call)
        try await refresh(known)
        throw Problem.seatsInUse
    }

    /// Judges under the workspace's lock, against who is enabled at the same time: fewer seats
    /// count from here on, before Stripe is asked.
    ///
    /// - Returns: the move, and the fewer seats that were to follow before.
    private func judge(_ known: SeatedSubscription) async throws -> (WorkspaceMove, Int64?) {
        let id = turn.workspace
        return try await parts.judge(
            Asked.self, wish, known, id, call, adds: true
        ) { decision, move in
            let row = decision.workspace
            if move.buys != nil, let refusal = row.refusalToAdd { throw refusal }
            if let fewer = move.pending(known) {
                try row.setPendingSeats(fewer, in: decision.connection, now: decision.now)
            }
            if !move.isNothing { try note(move, known, decision) }
            return row.subscription.pendingSeatCount
        }
    }

    private func note(
        _ move: WorkspaceMove, _ known: SeatedSubscription, _ decision: WorkspaceDecision
    ) throws {
        let id = turn.workspace
        if case .end = move.follows, move.buys == nil {
            return try decision.note(.cancellationAsked, id)
        }
        guard let plan = move.otherPlan(than: known) else {
            return try decision.note(
                .seatsAsked, id, before: Self.told(known.paid, known.pending),
                after: Self.told(move.buys?.seats ?? known.paid, move.pending(known)))
        }
        try decision.note(
            .planAsked, id, before: Self.told(known.plan, known.paid),
            after: Self.told(plan.plan, plan.seats))
    }

    private static func told(_ seats: Int64, _ pending: Int64?) -> JSONObject {
        [
            "seat_count": .int(seats),
            "pending_seat_count": pending.map { .int($0) } ?? .null,
        ]
    }

    private static func told(_ plan: Plan, _ seats: Int64) -> JSONObject {
        ["plan_id": .string(plan.id.text), "seat_count": .int(seats)]
    }

    private func carryOut(_ move: WorkspaceMove, _ known: SeatedSubscription) async throws {
        if let buys = move.buys {
            let order = try await parts.order(known, buys)
            return try await parts.buy(order, known, keepsNext: move.next != nil, turn)
        }
        if case .end = move.follows, !move.isNothing { return try await end(known) }
        // What waits for its payment would go on, and be paid for nothing.
        guard try await billing.giveUp(billing.pendingUpgrade(of: known.theirs))
        else { throw Problem.paymentProcessing }
        if let next = move.next, !move.isNothing {
            try await turn.require()
            return try await schedule(next, known)
        }
        // No earlier move may bring back what is taken back here.
        try await billing.moves.settle(known.theirs.id)
        guard !move.isNothing else { return }
        try await turn.require()
        try await billing.releaseSchedule(of: known.theirs)
    }

    private func schedule(_ next: SeatedPlan, _ known: SeatedSubscription) async throws {
        guard let seat = known.seat else { throw Problem.paymentProviderError }
        let prices = try await parts.prices(of: next.plan, known)
        try await billing.schedule(
            Successor(of: known.base, price: prices.base),
            [Successor(of: seat, price: prices.seat, quantity: next.seats)],
            of: known.plan.id, seats: known.paid, in: known.theirs)
    }

    private func end(_ known: SeatedSubscription) async throws {
        let ending = try await billing.endWithPeriod(
            known.theirs, user: turn.workspace, requestID: call.id)
        guard ending != nil else { throw Problem.workspaceWithoutSubscription }
    }

    /// A lower plan that was to follow before still does.
    private func keepSeats(_ known: SeatedSubscription) async throws {
        if let next = known.next, next.seats?.allows(known.paid) == true {
            return try await schedule(SeatedPlan(next, seats: known.paid), known)
        }
        try await billing.releaseSchedule(of: known.theirs)
    }

    private func refresh(_ known: SeatedSubscription) async throws {
        try await billing.mirror.refresh(
            known.theirs.id, userID: turn.workspace, requestID: call.id)
    }

    /// What Stripe has refused leaves what was to follow before. What Stripe may have carried out
    /// counts until Stripe tells: to be looked at now, or by a worker once Stripe answers.
    private func takeBack(
        _ pending: Int64, for before: Int64?, after error: any Error, _ known: SeatedSubscription
    ) async {
        let id = turn.workspace
        do {
            let isRefused = error is Problem || (error as? StripeError)?.isRefusal == true
            if isRefused {
                // Whoever asks may have become another meanwhile: nobody is judged here.
                try await billing.database.write { [billing, turn] connection in
                    let row = try WorkspaceRow.findLocked(id, in: connection)
                    guard let row, row.subscription.pendingSeatCount == pending else { return }
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
    private func require(_ move: WorkspaceMove, _ known: SeatedSubscription) async throws {
        let id = turn.workspace
        let row = try await billing.database.read { try WorkspaceRow.find(id, in: $0) }
        let standing = try await billing.subscription(of: id).account.subscription
        let isPaid =
            move.buys.map { standing.planID == $0.plan.id } ?? true
            && row.map { $0.isPersonal || $0.subscription.seatCount >= move.least(known) } ?? false
        let follows: Bool
        switch move.follows {
        case .same: follows = true
        // It may have begun.
        case .other(let next):
            follows = (standing.scheduled?.planID ?? standing.planID) == next.plan.id
        case .end: follows = standing.cancelAtPeriodEnd || standing.stripeSubscriptionID == nil
        }
        guard isPaid && follows else { throw Problem.paymentProviderUnavailable }
    }
}

extension WorkspaceMove {
    var next: SeatedPlan? {
        if case .other(let next) = follows { next } else { nil }
    }

    /// What is bought of another plan than the present one, or follows in place of what did.
    fileprivate func otherPlan(than known: SeatedSubscription) -> SeatedPlan? {
        if let buys, buys.plan.id != known.plan.id { return buys }
        return next.flatMap { $0.plan.id == (known.next ?? known.plan).id ? nil : $0 }
    }

    /// Fewer seats than are paid for, which the next period begins with.
    func pending(_ known: SeatedSubscription) -> Int64? {
        guard buys == nil, let next, next.seats < known.paid else { return nil }
        return next.seats
    }

    /// How many seats there are at least once it is done.
    fileprivate func least(_ known: SeatedSubscription) -> Int64 {
        buys?.seats ?? min(next?.seats ?? known.paid, known.paid)
    }
}

extension WorkspaceBillingParts {
    /// Judges a wish under the workspace's lock.
    ///
    /// - Parameters:
    ///   - adds: whether what adds something is refused to a workspace that takes nothing more.
    ///   - write: what is written in the same database transaction.
    /// - Throws: ``Problem``
    func judge<A: Action, Value: Sendable>(
        _ action: A.Type, _ wish: WorkspaceWish, _ known: SeatedSubscription, _ id: UUID,
        _ call: Call, adds: Bool,
        _ write: @escaping @Sendable (WorkspaceDecision, WorkspaceMove) throws -> Value
    ) async throws -> (WorkspaceMove, Value) {
        typealias Verdict = Result<(WorkspaceMove, Value), WorkspaceRefusal>
        let verdict = try await workspaces.decide(action, on: id, by: call) { decision -> Verdict in
            let row = decision.workspace
            let standing = known.standing(
                enabled: try MemberRow.enabled(of: id, in: decision.connection),
                isPersonal: row.isPersonal)
            let move: WorkspaceMove
            do throws(WorkspaceRefusal) {
                move = try standing.judge(wish)
            } catch {
                if adds, wish.adds(to: known.paid), case .plan = error,
                    let refusal = row.refusalToAdd
                {
                    throw refusal
                }
                return .failure(error)
            }
            return .success((move, try write(decision, move)))
        }
        switch verdict {
        case .success(let judged): return judged
        case .failure(let refusal):
            // Stripe may know what we have not heard yet.
            if case .plan = refusal {
                try await billing.mirror.refresh(known.theirs.id, userID: id, requestID: call.id)
            }
            throw Problem(refusal)
        }
    }

    /// The plan that is asked for; the one that there is need not be sold any more.
    ///
    /// - Throws: ``Problem`` 404 `plan_not_found`.
    func plan(_ planID: UUID, besides known: SeatedSubscription) async throws -> Plan {
        if planID == known.plan.id { return known.plan }
        let plan = try await billing.catalog.current(in: billing.database).plan(planID)
        guard let plan, plan.isActive else { throw Problem.planNotFound }
        return plan
    }
}

extension WorkspaceWish {
    fileprivate func adds(to paid: Int64) -> Bool {
        switch self {
        case .seats(let wanted): wanted > paid
        case .upgrade: true
        case .downgrade: false
        }
    }
}
