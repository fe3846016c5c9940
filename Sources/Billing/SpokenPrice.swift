import Ledger
import Stripe
import Values

/// What a subscriber pays for their plan, in words: what Stripe charges them. Who subscribed at an
/// earlier price of the plan goes on paying that one.
package struct SpokenPrice: Sendable {
    let catalog: Catalog
    let items: [StripeSubscription.Item]

    package init(catalog: Catalog, items: [StripeSubscription.Item]) {
        self.catalog = catalog
        self.items = items
    }

    /// The catalog's own words if they name what Stripe charges, e.g. `$20 / month`.
    ///
    /// - Parameter count: the seats that are charged by then; `nil`: as many as there are.
    package func text(of plan: Plan, seats count: Int64? = nil) -> String {
        let rule = PlanOfPrice(catalog)
        let item =
            items.first { rule.byItself($0.price)?.plan == plan.id }
            ?? (items.count == 1 ? items.first : nil)
        let seats = items.filter { rule.byItself($0.price)?.seatOf != nil }
        guard let item, let money = sum(of: item, seats, count) else { return plan.spokenPrice }
        let price = item.price
        if money == plan.price && price.isPaid(each: plan.interval) { return plan.spokenPrice }
        let count = price.intervalCount ?? 1
        let interval = price.interval ?? "month"
        return "\(money.spoken) / " + (count == 1 ? interval : "\(count) \(interval)s")
    }

    /// What they cost together; `nil` where one has no fixed price, or another currency.
    private func sum(
        of plan: StripeSubscription.Item, _ seats: [StripeSubscription.Item], _ count: Int64?
    ) -> Money? {
        var parts = ([plan] + seats).map { ($0.price, $0.quantity ?? 1) }
        if let count, let seat = seats.first {
            parts = [(plan.price, plan.quantity ?? 1), (seat.price, count)]
        }
        var sum: Money?
        for (price, quantity) in parts {
            guard let part = price.money?.times(quantity) else { return nil }
            let (amount, overflow) = part.amount.addingReportingOverflow(sum?.amount ?? 0)
            guard !overflow, sum.map({ $0.currency == part.currency }) ?? true else { return nil }
            sum = Money(amount: amount, currency: part.currency)
        }
        return sum
    }
}

extension Plan {
    /// The catalog's words if they name the plan's price, else the price itself.
    package var spokenPrice: String {
        namesItsPrice ? displayPrice : "\(price.spoken) / \(interval.rawValue)"
    }

    /// What it costs with so many seats; `nil` for a plan without.
    package func spokenPrice(with count: Int64?) -> String {
        guard let count, let seats = seats?.price.times(count),
            let sum = Money(amount: price.amount + seats.amount, currency: price.currency)
        else { return spokenPrice }
        return "\(sum.spoken) / \(interval.rawValue)"
    }

    /// Whether a number in `display_price` is the price, e.g. 20 in `$20 / month`. A text without a
    /// number, such as `Free`, names a price of nothing.
    public var namesItsPrice: Bool {
        let numbers = displayPrice.split {
            !($0.isASCII && ($0.isNumber || $0 == "." || $0 == ","))
        }
        if numbers.isEmpty { return price.amount == 0 }
        return numbers.contains { number in
            let plain = number.replacing(",", with: "")
            return Money(
                decimal: plain.hasSuffix(".") ? String(plain.dropLast()) : String(plain),
                currency: price.currency) == price
        }
    }
}
