import FoundationEssentials
import Ledger
import Stripe

/// The seats that a subscription pays for, read off its items: beside the price of the plan, once,
/// stands that of a seat, as often as there are seats.
package struct SubscribedSeats: Sendable, Equatable {
    /// An item, or one of a phase that is to come.
    package struct Item: Sendable {
        let meaning: PriceMeaning
        let quantity: Int64

        package init(_ meaning: PriceMeaning, _ quantity: Int64?) {
            self.meaning = meaning
            self.quantity = quantity ?? 1
        }
    }

    /// What is paid for; at least 1, which is the owner's.
    package let count: Int64
    /// Fewer, from the next period on; `nil` where no fewer follow.
    package let pending: Int64?
    /// What an operator has made of them and no rule follows: each the end of a sentence.
    package let oddities: [String]

    /// - Parameters:
    ///   - terms: of the plan.
    ///   - next: of the phase that follows; `nil` if none does.
    package init(_ items: [Item], of plan: Plan, _ terms: SeatTerms, next: [Item]?) {
        let sold = Self.sold(items)
        count = max(sold ?? 1, 1)
        let following = next.flatMap(Self.sold)
        pending = following.flatMap { [count] in $0 < count ? max($0, 1) : nil }
        var oddities: [String] = []
        if let sold {
            if !terms.allows(sold) {
                oddities.append("has \(sold) seats, which \(plan.name) does not allow: they count")
            }
        } else {
            oddities.append("has no price of a seat: one seat counts, the owner's")
        }
        if items.contains(where: { $0.meaning.seatOf.map { $0 != plan.id } ?? false }) {
            oddities.append("has seats of another plan than \(plan.name): they count")
        }
        self.oddities = oddities
    }

    private static func sold(_ items: [Item]) -> Int64? {
        let seats = items.filter { $0.meaning.seatOf != nil }
        // More than any seat costs: a quantity is none of ours.
        return seats.isEmpty ? nil : seats.reduce(0) { $0 + min(max($1.quantity, 0), maximum) }
    }

    /// Bounds the sum of what Stripe says.
    private static let maximum: Int64 = 1_000_000
}

extension BillingSnapshotReader {
    /// - Returns: `nil` for a plan without seats.
    func seats(
        of subscription: StripeSubscription, on planID: UUID?,
        next: StripeSubscriptionSchedule.Phase?
    ) async throws -> SubscribedSeats? {
        guard let planID, let plan = try await prices.catalog.current(in: database).plan(planID),
            let terms = plan.seats
        else { return nil }
        var items: [SubscribedSeats.Item] = []
        for item in subscription.items {
            items.append(.init(try await prices.meaning(of: item.price), item.quantity))
        }
        var following: [SubscribedSeats.Item]?
        if let next {
            let known = subscription.items.map(\.price)
            following = []
            for item in next.items {
                let meaning = try await prices.meaning(ofPriceID: item.priceID, among: known)
                following?.append(.init(meaning, item.quantity))
            }
        }
        return SubscribedSeats(items, of: plan, terms, next: following)
    }
}
