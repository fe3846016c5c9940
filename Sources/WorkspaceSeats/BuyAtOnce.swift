import Billing
import Database
import FoundationEssentials
import HTTPEndpoint
import Ledger
import Stripe
import Subscriptions
import Values
import WorkspaceBilling
import Workspaces

/// More seats or a higher plan: prorated, charged now, and there once that is paid.
extension WorkspaceBillingParts {
    func order(
        _ known: SeatedSubscription, _ wanted: SeatedPlan
    ) async throws -> SeatOrder {
        let (base, seat) = try await prices(of: wanted.plan, known)
        return SeatOrder(
            plan: wanted.plan, seats: wanted.seats, basePriceID: base.id, seatPriceID: seat.id)
    }

    /// Who is on a plan, or has seats, at a former price stays there.
    func prices(
        of plan: Plan, _ known: SeatedSubscription
    ) async throws -> (base: StripePrice, seat: StripePrice) {
        guard plan.id == known.plan.id else {
            return try await (billing.prices.price(of: plan), billing.prices.seatPrice(of: plan))
        }
        if let seat = known.seat { return (known.base.price, seat.price) }
        return (known.base.price, try await billing.prices.seatPrice(of: plan))
    }

    /// Charges just what was shown for the same order within ten minutes, else what it costs now.
    /// Every attempt has an idempotency key of its own: Stripe would answer one that is used again
    /// with what it did then. What makes an attempt that is repeated cost nothing is that the
    /// number of seats is named, not how many are added.
    ///
    /// - Parameter keepsNext: whether the lower plan that a schedule brings still follows: once the
    ///   seats are paid the mirror has it begin with as many.
    func buy(
        _ order: SeatOrder, _ known: SeatedSubscription, keepsNext: Bool, _ turn: SeatTurn
    ) async throws {
        let (now, id) = (billing.clock.now().seconds, turn.workspace)
        let shown = try await billing.database.read { connection in
            try PlanChanges.shown(order.order(known), of: id, now: now, in: connection)
        }
        let start = known.base.currentPeriodStart
        let date = shown.flatMap { $0 >= start ? $0 : nil } ?? max(now, start)
        if let agreed = turn.agreedAt, agreed != date { throw Problem.previewExpired }
        let change = change(order, known, at: date)
        try await settleEarlier(order, known)
        try await billing.withAddress(of: change.customerID) {
            try await turn.require()
            if keepsNext { return try await charge(change, turn) }
            // A schedule would overwrite the seats with its own at its next phase.
            try await billing.withoutSchedule(known.theirs) { try await charge(change, turn) }
        }
    }

    private func charge(_ change: StripePriceChange, _ turn: SeatTurn) async throws {
        try await turn.require()
        let updated = try await billing.stripe.updateSubscriptionPrice(
            change, "seats-\(change.subscriptionID)-\(UUID().text)")
        if let pending = try await billing.pendingUpgrade(of: updated) {
            // After a plain decline nothing stays, here or at Stripe.
            if case .declined = pending.charge { try await billing.giveUp(pending) }
            throw pending.problem
        }
    }

    func change(
        _ order: SeatOrder, _ known: SeatedSubscription, at date: Int64
    ) -> StripePriceChange {
        StripePriceChange(
            customerID: known.theirs.customerID, subscriptionID: known.theirs.id,
            items: known.items(of: order), prorationDate: date)
    }

    /// An earlier attempt may wait for its payment. The same is not charged twice; another takes
    /// its place, unless the bank is at work on it.
    private func settleEarlier(
        _ order: SeatOrder, _ known: SeatedSubscription
    ) async throws {
        guard let earlier = try await billing.pendingUpgrade(of: known.theirs) else { return }
        if order.isAwaited(by: earlier) { throw earlier.problem }
        guard try await billing.giveUp(earlier) else { throw Problem.paymentProcessing }
    }

    /// Has one change of a workspace's plan or seats at a time, in all processes.
    ///
    /// - Parameter agreed: the instant of the price that was agreed to, in Unix seconds; `nil` if
    ///   none was asked about.
    /// - Throws: ``Problem`` 409 `change_under_way`, or `preview_expired` for a price that holds no
    ///   longer.
    func inTurn<A: Action, Value: Sendable>(
        _ action: A.Type, _ id: UUID, _ call: Call, agreedAt agreed: Int64? = nil,
        _ body: @Sendable (SeatTurn) async throws -> Value
    ) async throws -> Value {
        try await billing.moveTurns.inTurn(id) {
            let claim = try await workspaces.decide(action, on: id, by: call) { decision in
                try PlanChanges.begin(of: id, in: decision.connection, now: decision.now)
            }
            guard let claim else { throw Problem.changeUnderWay }
            let turn = SeatTurn(
                claim: claim, workspace: id, billing: billing, agreedAt: agreed)
            let value: Value
            do {
                value = try await body(turn)
            } catch {
                await turn.giveBack()
                throw error
            }
            await turn.giveBack()
            return value
        }
    }
}

/// The one change of a workspace's plan or seats that is under way.
struct SeatTurn: Sendable {
    let claim: UUID
    let workspace: UUID
    let billing: CareerBillingService
    /// The instant of the one price that may be charged; `nil` for any.
    let agreedAt: Int64?

    /// Directly before each call that has Stripe charge or plan something: whoever was slower than
    /// the claim lasts may have given way to another.
    ///
    /// - Throws: ``Problem`` 409 `change_under_way`.
    func require() async throws {
        try await billing.database.write { [self] connection in
            try require(in: connection, now: billing.clock.now())
        }
    }

    func require(in connection: any DatabaseConnection, now: Timestamp) throws {
        guard try PlanChanges.renew(claim, of: workspace, in: connection, now: now) else {
            throw Problem.changeUnderWay
        }
    }

    /// Where that fails, others wait until the claim is over.
    func giveBack() async {
        do {
            try await billing.database.write { [claim, workspace] connection in
                try PlanChanges.end(claim, of: workspace, in: connection)
            }
        } catch {
            billing.mirror.logger.warning(
                "a change of seats keeps its claim",
                metadata: ["workspace": "\(workspace.text)", "error": "\(error)"])
        }
    }
}

/// Of every action that asks Stripe about a workspace's plan or seats.
let changeRefusals: [Problem] = [
    .workspaceWithoutSubscription, .seatsOutsidePlan, .seatsInUse, .cancellationPending,
    .paymentPastDue, .paymentIncomplete, .subscriptionPaused, .addressRequired,
    .paymentProviderUnavailable, .paymentProviderError,
]
let planRefusals: [Problem] = [.planNotFound, .samePlan]
let purchaseRefusals =
    changeRefusals + [
        .changeUnderWay, .cardDeclined, .paymentNeedsAction, .paymentProcessing,
    ]
