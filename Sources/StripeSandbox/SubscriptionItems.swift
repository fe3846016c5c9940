import GRDB
import JSON

/// One item of a subscription. Since basil the billing period lives on it
/// (docs.stripe.com/changelog/basil/2025-03-31, "Deprecates subscription current period").
struct SubscriptionItem {
    static let maximumCount = 20

    var id: String
    var price: JSONValue
    var quantity: Int64
    var periodStart: Int64
    var periodEnd: Int64
    var created: Int64
    var metadata: JSONValue = [:]

    var terms: PriceTerms { PriceTerms(price) }

    /// What the rest of its period costs from a second on. A period that is cut short by a
    /// cancellation costs its share of the whole cycle.
    func amount(from date: Int64, anchor: Int64) -> Int64 {
        let cycle = terms.interval.cycle(containing: periodStart, anchor: anchor)
        let isCut = cycle.start == periodStart && periodEnd < cycle.end
        let (start, end) = isCut ? cycle : (periodStart, periodEnd)
        let share = { (time: Int64) in
            Proration.amount(
                unitAmount: terms.unitAmount, quantity: quantity, at: time, periodStart: start,
                periodEnd: end)
        }
        return share(date) - share(min(periodEnd, end))
    }

    /// Refuses prices that cannot be items of one subscription.
    static func check(_ prices: [JSONValue], isFlexible: Bool, param: String) throws {
        guard prices.count <= maximumCount else {
            throw StripeError.invalid(
                "A subscription can have at most \(maximumCount) items.", param: "items")
        }
        var seen: Set<String> = []
        for price in prices {
            let terms = PriceTerms(price)
            guard seen.insert(terms.id).inserted else {
                throw StripeError.invalid(
                    "Cannot add multiple subscription items with the same plan: \(terms.id)",
                    param: param)
            }
        }
        let terms = prices.map { PriceTerms($0) }
        guard Set(terms.map(\.currency)).count <= 1 else {
            throw StripeError.invalid(
                "All prices on a subscription must have the same currency.", param: param)
        }
        let fit = terms.allSatisfy { one in
            terms.allSatisfy {
                isFlexible ? one.interval.fits($0.interval) : one.interval == $0.interval
            }
        }
        guard fit else {
            throw StripeError.invalid(
                isFlexible
                    ? "The intervals of all prices must be multiples of the shortest one."
                    : "Prices with different billing intervals need flexible billing.",
                param: param)
        }
    }

    /// The items of a subscription, in order.
    static func all(of subscription: JSONValue) -> [SubscriptionItem] {
        (subscription.at("items", "data")?.array ?? []).map { item in
            SubscriptionItem(
                id: item["id"]?.string ?? "", price: item["price"] ?? .null,
                quantity: item["quantity"]?.int ?? 1,
                periodStart: item["current_period_start"]?.int ?? 0,
                periodEnd: item["current_period_end"]?.int ?? 0,
                created: item["created"]?.int ?? 0, metadata: item["metadata"] ?? [:])
        }
    }

    static func list(_ items: [SubscriptionItem], of subscription: String) -> JSONValue {
        .list(
            items.map { $0.json(subscription: subscription) },
            url: "/v1/subscription_items?subscription=\(subscription)")
    }

    private func json(subscription: String) -> JSONValue {
        [
            "id": .string(id), "object": "subscription_item", "billing_thresholds": .null,
            "created": .int(created), "current_period_end": .int(periodEnd),
            "current_period_start": .int(periodStart), "discounts": [], "metadata": metadata,
            "plan": Self.plan(of: price), "price": price, "quantity": .int(quantity),
            "subscription": .string(subscription), "tax_rates": [],
        ]
    }

    /// The legacy plan object that repeats the price.
    static func plan(of price: JSONValue) -> JSONValue {
        [
            "id": price["id"] ?? .null, "object": "plan", "active": price["active"] ?? true,
            "amount": price["unit_amount"] ?? .null,
            "amount_decimal": price["unit_amount_decimal"] ?? .null,
            "billing_scheme": "per_unit", "created": price["created"] ?? 0,
            "currency": price["currency"] ?? "usd",
            "interval": price.at("recurring", "interval") ?? "month",
            "interval_count": price.at("recurring", "interval_count") ?? 1, "livemode": false,
            "metadata": price["metadata"] ?? [:], "meter": .null,
            "nickname": price["nickname"] ?? .null, "product": price["product"] ?? .null,
            "tiers_mode": .null, "transform_usage": .null, "trial_period_days": .null,
            "usage_type": "licensed",
        ]
    }
}

/// What an item was last billed for. With flexible billing, the default since clover, credits are
/// measured by it (docs.stripe.com/billing/subscriptions/billing-mode).
struct BilledItem {
    var price: JSONValue
    var quantity: Int64
    var invoice: String?
    var line: String?
    /// How much of the price was kept after discounts, in hundredths of a percent.
    var kept = Reduction.all
}

extension Account {
    func billedItems(of items: [SubscriptionItem]) throws -> [String: BilledItem] {
        var billed: [String: BilledItem] = [:]
        for item in items {
            let row = try Row.fetchOne(
                db, sql: "SELECT * FROM billed_items WHERE item = ?", arguments: [item.id])
            guard let row else { continue }
            let price: String = row["price"]
            billed[item.id] = BilledItem(
                price: try get(.price, price), quantity: row["quantity"],
                invoice: row["invoice"], line: row["line"], kept: row["kept"])
        }
        return billed
    }

    func noteBilled(
        item: String, price: String, quantity: Int64, invoice: String?, line: String?,
        kept: Int64 = Reduction.all
    ) throws {
        try db.execute(
            sql: """
                INSERT INTO billed_items (item, price, quantity, invoice, line, kept)
                VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (item) DO UPDATE SET price = excluded.price,
                    quantity = excluded.quantity, invoice = excluded.invoice,
                    line = excluded.line, kept = excluded.kept
                """,
            arguments: [item, price, quantity, invoice, line, kept])
    }
}
