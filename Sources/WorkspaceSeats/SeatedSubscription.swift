import Billing
import FoundationEssentials
import HTTPEndpoint
import Ledger
import Stripe
import Subscriptions
import Values
import WorkspaceBilling
import Workspaces

/// A workspace's subscription as Stripe has it now, and what its items are.
struct SeatedSubscription: Sendable {
    let theirs: StripeSubscription
    let plan: Plan
    let terms: SeatTerms
    /// What the plan's own price is paid by.
    let base: StripeSubscription.Item
    /// What the seats are paid by; `nil` if an operator has taken it away: one counts, the owner's.
    let seat: StripeSubscription.Item?
    /// The seats as the mirror reads them.
    let billed: SubscribedSeats
    /// Another plan that was asked for here, which a schedule brings.
    let next: Plan?

    var paid: Int64 { billed.count }
    /// Fewer, which a schedule brings.
    var pending: Int64? { billed.pending }

    func standing(enabled: Int64, isPersonal: Bool) -> PlanStanding {
        PlanStanding(
            plan: plan, terms: terms, next: next, paid: paid, pending: pending, enabled: enabled,
            isPersonal: isPersonal, status: Subscription.Status(theirs.status),
            isEnding: theirs.isEnding)
    }

    func items(of order: SeatOrder) -> [StripePriceChange.Item] {
        let seats = StripePriceChange.Item(
            id: seat?.id, priceID: order.seatPriceID, quantity: order.seats)
        guard order.plan.id != plan.id else { return [seats] }
        return [
            StripePriceChange.Item(id: base.id, priceID: order.basePriceID, quantity: 1), seats,
        ]
    }
}

/// Another plan or more seats, at once.
struct SeatOrder: Sendable {
    let plan: Plan
    let seats: Int64
    let basePriceID: String
    let seatPriceID: String

    func order(_ known: SeatedSubscription) -> PlanChanges.Order {
        PlanChanges.Order(
            subscriptionID: known.theirs.id, planID: plan.id, seats: seats)
    }

    /// Whether an earlier change that waits for its payment is the same.
    func isAwaited(by pending: PendingUpgrade) -> Bool {
        if case .declined = pending.charge { return false }
        return pending.items.contains { $0.priceID == basePriceID }
            && pending.items.contains { $0.priceID == seatPriceID && $0.quantity == seats }
    }
}

extension WorkspaceBillingParts {
    /// - Throws: ``Problem`` 402 `no_subscription` for a workspace that pays for nothing.
    func seated(_ id: UUID, requestID: String) async throws -> SeatedSubscription {
        guard try await billing.subscriptions.subscription(of: id) != nil,
            let theirs = try await billing.liveSubscription(of: id, requestID: requestID)
        else { throw Problem.workspaceWithoutSubscription }
        var (base, planID): (StripeSubscription.Item?, UUID?)
        var items: [(item: StripeSubscription.Item, meaning: PriceMeaning)] = []
        for item in theirs.items {
            let meaning = try await billing.prices.meaning(of: item.price)
            if let plan = meaning.plan, base == nil { (base, planID) = (item, plan) }
            items.append((item, meaning))
        }
        let seats = items.filter { $0.meaning.seatOf != nil }
        let catalog = try await billing.catalog.current(in: billing.database)
        // What an operator has made of it and no rule follows is theirs to mend.
        guard let base, let plan = planID.flatMap({ catalog.plan($0) }), let terms = plan.seats,
            seats.count <= 1
        else { throw Problem.paymentProviderError }
        let following = try await following(theirs)
        let billed = SubscribedSeats(
            items.map { .init($0.meaning, $0.item.quantity) }, of: plan, terms,
            next: following?.items)
        return SeatedSubscription(
            theirs: theirs, plan: plan, terms: terms, base: base, seat: seats.first?.item,
            billed: billed,
            next: following?.plan.flatMap { $0 == plan.id ? nil : catalog.plan($0) })
    }

    /// What a schedule brings: its items, and its plan if it was asked for here. One that was made
    /// at Stripe knows nothing of our seats, and gives way.
    private func following(
        _ theirs: StripeSubscription
    ) async throws -> (items: [SubscribedSeats.Item], plan: UUID?)? {
        guard let schedule = try await billing.runningSchedule(of: theirs),
            let next = schedule.comingPhases.first
        else { return nil }
        var (items, plan): ([SubscribedSeats.Item], UUID?) = ([], nil)
        for item in next.items {
            let meaning = try await billing.prices.meaning(
                ofPriceID: item.priceID, among: theirs.items.map(\.price))
            plan = plan ?? meaning.plan
            items.append(.init(meaning, item.quantity))
        }
        return (items, schedule.fromSeats == nil ? nil : plan)
    }
}
