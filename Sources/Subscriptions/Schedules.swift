import Billing
import Foundation
import HTTPEndpoint
import Ledger
import LedgerStore
import Stripe

/// A lower plan follows at the end of what is paid by a subscription schedule
/// (https://docs.stripe.com/billing/subscriptions/subscription-schedules). While one is attached
/// Stripe takes no other change of how the subscription goes on: it is released first.
extension CareerBillingService {
    /// How often another schedule may take the place of one that is released, before we give up.
    private static let maximumReleases = 3

    /// Has another price follow at the end of the period that is paid, in place of whatever was to
    /// follow. One that follows already stays as it is.
    ///
    /// - Parameters:
    ///   - first: decides when, and for how long; `others` take the place of theirs with it.
    ///   - plan: the plan that the subscription is on now.
    ///   - seats: how many are paid for now; `nil` for a plan without.
    /// - Throws: what Stripe's client throws; then what was to follow before still does.
    package func schedule(
        _ first: Successor, _ others: [Successor] = [], of plan: UUID, seats: Int64? = nil,
        in theirs: StripeSubscription
    ) async throws {
        if let schedule = try await runningSchedule(of: theirs),
            let current = schedule.currentPhase
        {
            let phases = current.followed(by: first, others)
            let coming = schedule.comingPhases
            let isThere =
                coming.count == 1 && coming[0].start == phases[1].start
                && coming[0].bought == phases[1].bought
            if !isThere {
                try await carryOut(phases, from: plan, seats: seats, by: schedule.id)
            }
            return try await moves.settle(theirs.id)
        }
        let made = try await stripe.createSchedule(theirs.id, "schedule-\(UUID().text)")
        do {
            guard let current = made.currentPhase else {
                throw StripeError(.malformedResponse(field: "current_phase"))
            }
            try await carryOut(
                current.followed(by: first, others), from: plan, seats: seats, by: made.id)
        } catch {
            await giveUp(made.id)
            throw error
        }
        try await moves.settle(theirs.id)
    }

    /// Alone it would change nothing, and keep an end from being set in Stripe's dashboard. The
    /// next move releases one that stays.
    private func giveUp(_ scheduleID: String) async {
        do {
            try await release(scheduleID)
        } catch {
            mirror.logger.warning(
                "a schedule stays", metadata: ["id": "\(scheduleID)", "error": "\(error)"])
        }
    }

    private func carryOut(
        _ phases: [StripeSubscriptionSchedule.Phase], from plan: UUID, seats: Int64?,
        by scheduleID: String
    ) async throws {
        var metadata = [
            StripeSubscriptionSchedule.fromPlan: plan.text,
            StripeSubscriptionSchedule.wish: UUID().text,
        ]
        if let seats {
            metadata[StripeSubscriptionSchedule.fromSeats] = "\(seats)"
        }
        _ = try await stripe.updateSchedule(
            scheduleID,
            StripeSchedulePlan(phases: phases, metadata: metadata),
            "phases-\(UUID().text)")
    }

    /// The schedule that decides how the subscription goes on; `nil` where none does.
    package func runningSchedule(
        of theirs: StripeSubscription
    ) async throws -> StripeSubscriptionSchedule? {
        guard let id = theirs.scheduleID else { return nil }
        let schedule = try await mirror.reader.schedule(id)
        return schedule?.isRunning == true ? schedule : nil
    }

    /// Does what no schedule allows. What was to follow is given up for it, unless it fails: then
    /// it follows again.
    ///
    /// - Throws: what the change throws.
    package func withoutSchedule<Value: Sendable>(
        _ theirs: StripeSubscription, _ change: () async throws -> Value
    ) async throws -> Value {
        let move = try await moves.begin(theirs, now: clock.now())
        let released = move == nil ? nil : try await releaseSchedule(of: theirs)
        let value: Value
        do {
            value = try await change()
        } catch {
            if let move, let released { await attachAgain(released, after: move) }
            throw error
        }
        try await moves.settle(theirs.id)
        return value
    }

    /// Releases the schedule of a subscription, once. Somebody else may have done so, or have
    /// attached another meanwhile.
    ///
    /// - Returns: what was released; `nil` where nothing was attached.
    @discardableResult
    package func releaseSchedule(
        of theirs: StripeSubscription
    ) async throws -> StripeSubscriptionSchedule? {
        var attached = theirs.scheduleID
        for _ in 0..<Self.maximumReleases {
            guard let id = attached else { return nil }
            if let released = try await release(id) { return released }
            attached = try await stripe.retrieveSubscription(theirs.id).scheduleID
        }
        throw Problem.paymentProviderUnavailable
    }

    /// - Returns: `nil` where it was attached no longer.
    @discardableResult
    private func release(_ scheduleID: String) async throws -> StripeSubscriptionSchedule? {
        do {
            return try await stripe.releaseSchedule(scheduleID, "release-\(UUID().text)")
        } catch {
            guard error.isRefusal else { throw error }
            return nil
        }
    }

    /// Lets follow what was to follow, unless the subscription has changed: the answer to a change
    /// that was carried out may have been lost. Where that cannot be done now a worker does it, by
    /// the message that the move has left.
    private func attachAgain(
        _ released: StripeSubscriptionSchedule, after move: UnfinishedMoves.Move
    ) async {
        do {
            guard try await attach(released, unlessDecidedSince: move) else { return }
            try await moves.settle(move.subscriptionID)
        } catch {
            mirror.logger.warning(
                "a schedule is released for nothing",
                metadata: ["id": "\(released.id)", "error": "\(error)"])
        }
    }

    /// The user, or another process, may have decided otherwise since the move began, or do so
    /// while the schedule is attached: that decision stays.
    ///
    /// - Returns: whether nobody has.
    private func attach(
        _ released: StripeSubscriptionSchedule, unlessDecidedSince move: UnfinishedMoves.Move
    ) async throws -> Bool {
        guard try await moves.isLast(move) else { return false }
        let made = try await attach(released, to: move.subscriptionID)
        if try await moves.isLast(move) { return true }
        if let made { try await release(made) }
        return false
    }

    /// - Returns: the schedule that is attached now; `nil` if nothing is to follow any more.
    private func attach(
        _ released: StripeSubscriptionSchedule, to subscriptionID: String
    ) async throws -> String? {
        let theirs = try await stripe.retrieveSubscription(subscriptionID)
        guard !theirs.isOver, !theirs.isEnding, theirs.scheduleID == nil,
            let item = theirs.items.first
        else { return nil }
        let end = item.currentPeriodEnd
        let coming = released.phases.filter { ($0.start ?? 0) >= end }
        let running = released.phases.last { ($0.start ?? 0) < end }
        guard let next = coming.first?.start,
            running?.bought == StripeSubscriptionSchedule.Phase.bought(theirs)
        else { return nil }
        var metadata = released.metadata
        // The user has asked once, and hears of it once.
        metadata[StripeSubscriptionSchedule.wish] = released.wish
        if let plan = try await prices.plan(of: item.price) {
            metadata[StripeSubscriptionSchedule.fromPlan] = plan.text
        }
        let made = try await stripe.createSchedule(theirs.id, "again-\(UUID().text)")
        do {
            guard var current = made.currentPhase else {
                throw StripeError(.malformedResponse(field: "current_phase"))
            }
            current.end = .at(next)
            _ = try await stripe.updateSchedule(
                made.id, StripeSchedulePlan(phases: [current] + coming, metadata: metadata),
                "again-phases-\(UUID().text)")
        } catch {
            await giveUp(made.id)
            throw error
        }
        return made.id
    }

    /// Takes up a move whose process died between the release and what was to come after it, or
    /// whose every try at Stripe failed: nothing has changed then, so what was to follow follows,
    /// unless something else was decided since.
    ///
    /// - Throws: `PostponedMessage` while Stripe is away; what its client, the ledger and the
    ///   database throw.
    package func takeUp(_ move: UnfinishedMoves.Move, requestID: String?) async throws {
        let tables = product.tables
        let hasMoved = try await database.read { connection in
            try AccountHistory.hasMoved(
                move.subscriptionID, since: move.beganAt, of: tables, in: connection)
        }
        guard !hasMoved, try await moves.isLast(move) else { return }
        do {
            guard let released = try await mirror.reader.schedule(move.scheduleID),
                released.status == "released"
            else { return }
            _ = try await attach(released, unlessDecidedSince: move)
            try await mirror.refresh(move.subscriptionID, requestID: requestID)
        } catch let error as StripeError where error.mayRetry {
            throw error.postponement
        }
    }
}

/// What takes an item's place when the next period begins.
package struct Successor: Sendable {
    let item: StripeSubscription.Item
    let price: StripePrice
    /// `nil`: as often as there was of the item.
    let quantity: Int64?

    package init(
        of item: StripeSubscription.Item, price: StripePrice, quantity: Int64? = nil
    ) {
        self.item = item
        self.price = price
        self.quantity = quantity
    }

    fileprivate var bought: StripeSubscriptionSchedule.Item {
        StripeSubscriptionSchedule.Item(
            priceID: price.id, quantity: quantity ?? item.quantity)
    }
}

extension StripeSubscriptionSchedule.Phase {
    /// How often each price is subscribed to, in whatever order.
    fileprivate var bought: [String: Int64] {
        Dictionary(items.map { ($0.priceID, $0.quantity ?? 1) }) { $0 + $1 }
    }

    fileprivate static func bought(_ theirs: StripeSubscription) -> [String: Int64] {
        Dictionary(theirs.items.map { ($0.price.id, $0.quantity ?? 1) }) { $0 + $1 }
    }

    /// This phase until the end of what is paid, and then one like it with the successors in place
    /// of their items. It lasts for one interval of the first one's price; then the schedule lets
    /// go.
    fileprivate func followed(
        by first: Successor, _ others: [Successor]
    ) -> [StripeSubscriptionSchedule.Phase] {
        let (price, old, end) = (first.price, first.item.price, first.item.currentPeriodEnd)
        var (current, later) = (self, self)
        current.end = .at(end)
        later.start = end
        later.end = .after(interval: price.interval ?? "month", count: price.intervalCount ?? 1)
        later.trialEnd = nil
        // Left to the billing mode, another interval would be counted from the old anchor or not.
        later.startsCycle =
            price.interval != old.interval || price.intervalCount != old.intervalCount
        later.items = items.map { item in
            ([first] + others).first { $0.item.price.id == item.priceID }?.bought ?? item
        }
        return [current, later]
    }
}
