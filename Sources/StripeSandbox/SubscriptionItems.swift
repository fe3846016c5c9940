import GRDB
import JSON

/// One item of a subscription. Since basil the billing period lives on it
/// (docs.stripe.com/changelog/basil/2025-03-31, "Deprecates subscription current period").
struct SubscriptionItem {
    var id: String
    var price: JSONValue
    var quantity: Int64
    var periodStart: Int64
    var periodEnd: Int64
    var created: Int64
    var metadata: JSONValue = [:]

    var terms: PriceTerms { PriceTerms(price) }

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
            "plan": plan, "price": price, "quantity": .int(quantity),
            "subscription": .string(subscription), "tax_rates": [],
        ]
    }

    /// The legacy plan object that repeats the price.
    private var plan: JSONValue {
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
                invoice: row["invoice"], line: row["line"])
        }
        return billed
    }

    func noteBilled(
        item: String, price: String, quantity: Int64, invoice: String?, line: String?
    ) throws {
        try db.execute(
            sql: """
                INSERT INTO billed_items (item, price, quantity, invoice, line)
                VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (item) DO UPDATE SET price = excluded.price,
                    quantity = excluded.quantity, invoice = excluded.invoice,
                    line = excluded.line
                """,
            arguments: [item, price, quantity, invoice, line])
    }
}
