import JSON

/// What a caller wants changed of a subscription's items and cycle.
struct SubscriptionChange {
    struct Item {
        /// The item to change; nil adds one.
        var id: String?
        var price: JSONValue?
        var quantity: Int64?
        var isDeleted = false
    }

    var items: [Item] = []
    /// `create_prorations`, `always_invoice` or `none`.
    var prorationBehavior = "create_prorations"
    /// The second at which the change counts.
    var prorationDate: Int64
    var endsTrial = false
    var resetsAnchor = false
}

/// What a change comes to: the items after it and the lines it is billed with. The update carries
/// it out and the preview only shows it, so that the two cannot disagree.
///
/// The rules are those of docs.stripe.com/billing/subscriptions/prorations and
/// docs.stripe.com/billing/subscriptions/change-price.
struct UpdatePlan {
    private(set) var items: [SubscriptionItem]
    private(set) var lines: [InvoiceLine] = []
    /// The period starts anew now and its full price is charged at once.
    private(set) var startsNewCycle = false
    /// The lines are collected now instead of with the next invoice.
    private(set) var invoicesNow = false

    private let change: SubscriptionChange
    private let billed: [String: BilledItem]
    private let names: (JSONValue) throws -> String

    init(
        items: [SubscriptionItem], isTrialing: Bool, billed: [String: BilledItem],
        change: SubscriptionChange, now: Int64, newItemID: () -> String,
        names: @escaping (JSONValue) throws -> String
    ) throws {
        self.items = items
        self.change = change
        self.billed = billed
        self.names = names
        let stillTrialing = isTrialing && !change.endsTrial
        let before = items
        for item in change.items { try apply(item, now: now, newItemID: newItemID) }
        guard let first = self.items.first else {
            throw StripeError.invalid(
                "A subscription must have at least one active plan.", param: "items")
        }
        let oldInterval = before.first?.terms.interval
        let isFree = { (items: [SubscriptionItem]) in
            items.allSatisfy { $0.terms.unitAmount == 0 }
        }
        startsNewCycle =
            change.endsTrial || change.resetsAnchor
            || (!stillTrialing
                && (first.terms.interval != oldInterval || isFree(before) != isFree(self.items)))
        if startsNewCycle {
            try billNewCycle(before: before, isTrialing: isTrialing, now: now)
        } else if !stillTrialing, change.prorationBehavior != "none" {
            try prorate(before: before)
            invoicesNow = change.prorationBehavior == "always_invoice"
        }
    }

    /// The end of the cycle that the plan leaves the subscription in.
    var periodEnd: Int64 { items.first?.periodEnd ?? 0 }

    private mutating func apply(
        _ wanted: SubscriptionChange.Item, now: Int64, newItemID: () -> String
    ) throws {
        guard let id = wanted.id else {
            guard let price = wanted.price, let sibling = items.first else {
                throw StripeError.invalid(
                    "You must pass a price for a new item.", param: "items[0][price]")
            }
            guard !items.contains(where: { $0.price["id"] == price["id"] }) else {
                throw StripeError.invalid(
                    "Cannot add multiple subscription items with the same plan: "
                        + "\(price["id"]?.string ?? "")", param: "items[0][price]")
            }
            items.append(
                SubscriptionItem(
                    id: newItemID(), price: price, quantity: wanted.quantity ?? 1,
                    periodStart: sibling.periodStart, periodEnd: sibling.periodEnd, created: now))
            return
        }
        guard let index = items.firstIndex(where: { $0.id == id }) else {
            throw StripeError.invalid(
                "Invalid subscription item id: '\(id)'", param: "items[0][id]",
                code: "resource_missing")
        }
        if wanted.isDeleted {
            items.remove(at: index)
        } else if let price = wanted.price {
            // A new price resets the quantity to 1 unless one is given.
            let isSame = price["id"] == items[index].price["id"]
            items[index].price = price
            items[index].quantity = wanted.quantity ?? (isSame ? items[index].quantity : 1)
        } else if let quantity = wanted.quantity {
            items[index].quantity = quantity
        }
    }

    /// The unused time of what was billed is credited and a full period begins.
    private mutating func billNewCycle(
        before: [SubscriptionItem], isTrialing: Bool, now: Int64
    ) throws {
        if !isTrialing, change.prorationBehavior != "none" {
            for item in before { try addCredit(for: item) }
        }
        for index in items.indices {
            items[index].periodStart = now
            items[index].periodEnd = items[index].terms.interval.boundary(after: now, anchor: now)
            lines.append(.full(items[index], name: try names(items[index].price)))
        }
        invoicesNow = true
    }

    private mutating func prorate(before: [SubscriptionItem]) throws {
        for old in before {
            let new = items.first { $0.id == old.id }
            let isUnchanged =
                new?.price["id"] == old.price["id"] && new?.quantity == old.quantity
            guard new == nil || !isUnchanged else { continue }
            try addCredit(for: old)
            if let new { try addDebit(for: new) }
        }
        for new in items where !before.contains(where: { $0.id == new.id }) {
            try addDebit(for: new)
        }
    }

    private mutating func addCredit(for item: SubscriptionItem) throws {
        let basis = billed[item.id]
        var old = item
        old.price = basis?.price ?? item.price
        old.quantity = basis?.quantity ?? item.quantity
        try addProration(of: old, verb: "Unused", sign: -1, credited: basis)
    }

    private mutating func addDebit(for item: SubscriptionItem) throws {
        try addProration(of: item, verb: "Remaining", sign: 1, credited: nil)
    }

    private mutating func addProration(
        of item: SubscriptionItem, verb: String, sign: Int64, credited: BilledItem?
    ) throws {
        let date = change.prorationDate
        guard (item.periodStart...item.periodEnd).contains(date) else {
            throw StripeError.invalid(
                "proration_date must be within the current billing period.",
                param: "proration_date")
        }
        let terms = item.terms
        let amount = Proration.amount(
            unitAmount: terms.unitAmount, quantity: item.quantity, at: date,
            periodStart: item.periodStart, periodEnd: item.periodEnd)
        let name = try names(item.price)
        let counted = item.quantity == 1 ? name : "\(item.quantity) × \(name)"
        lines.append(
            InvoiceLine(
                amount: sign * amount, currency: terms.currency,
                description:
                    "\(verb) time on \(counted) after \(CalendarDates.spoken(date))",
                start: date, end: item.periodEnd, price: terms, quantity: item.quantity,
                item: item.id, isProration: true, credited: credited, isBilling: sign > 0))
    }
}
