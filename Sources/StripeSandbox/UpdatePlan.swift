import JSON

/// What a caller wants changed of a subscription's items and cycle.
struct SubscriptionChange {
    struct Item {
        /// The item to change; nil adds one.
        var id: String?
        var price: JSONValue?
        var quantity: Int64?
        var metadata: JSONValue?
        var isDeleted = false
    }

    var items: [Item] = []
    /// `create_prorations`, `always_invoice` or `none`.
    var prorationBehavior = "create_prorations"
    /// The second at which the change counts.
    var prorationDate: Int64
    var endsTrial = false
    /// A trial begins, or goes on, until then.
    var trialEnd: Int64?
    var resetsAnchor = false
}

/// What an update reads of the subscription beside its items.
struct UpdateContext {
    var isTrialing: Bool
    /// With classic billing another interval, and free to paid, begin a new cycle; with flexible
    /// billing the anchor moves only if that is asked for
    /// (docs.stripe.com/billing/subscriptions/billing-mode/compare).
    var isFlexible: Bool
    var anchor: Int64
    var now: Int64
    var billed: [String: BilledItem]

    /// How much of a price discounts leave, in hundredths of a percent.
    var kept: Int64

    init(_ subscription: JSONValue, billed: [String: BilledItem], now: Int64, kept: Int64) {
        self.kept = kept
        isTrialing = subscription["status"] == "trialing"
        isFlexible = Account.isFlexible(subscription)
        anchor = subscription["billing_cycle_anchor"]?.int ?? now
        self.now = now
        self.billed = billed
    }
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
    private let context: UpdateContext
    private let names: (JSONValue) throws -> String

    init(
        items: [SubscriptionItem], context: UpdateContext, change: SubscriptionChange,
        newItemID: () -> String, names: @escaping (JSONValue) throws -> String
    ) throws {
        self.items = items
        self.change = change
        self.context = context
        self.names = names
        let stillTrialing = context.isTrialing && !change.endsTrial
        let before = items
        for item in change.items { try apply(item, newItemID: newItemID) }
        guard !self.items.isEmpty else {
            throw StripeError.invalid(
                "A subscription must have at least one active plan.", param: "items")
        }
        try SubscriptionItem.check(
            self.items.map(\.price), isFlexible: context.isFlexible, param: "items[0][price]")
        if let trialEnd = change.trialEnd {
            try beginTrial(until: trialEnd, before: before)
            return
        }
        startsNewCycle =
            change.endsTrial || change.resetsAnchor
            || (!stillTrialing && !context.isFlexible && beginsClassicCycle(before: before))
        if startsNewCycle {
            try billNewCycle(before: before)
        } else if stillTrialing {
            try billAdditions(before: before)
        } else {
            alignPeriods(before: before)
            guard change.prorationBehavior != "none" else { return }
            try prorate(before: before)
            invoicesNow = change.prorationBehavior == "always_invoice"
        }
    }

    /// The end of the cycle that the plan leaves the subscription in.
    var periodEnd: Int64 { items.map(\.periodEnd).min() ?? 0 }

    private func beginsClassicCycle(before: [SubscriptionItem]) -> Bool {
        let isFree = { (items: [SubscriptionItem]) in
            items.allSatisfy { $0.terms.unitAmount == 0 }
        }
        return items.first?.terms.interval != before.first?.terms.interval
            || isFree(before) != isFree(items)
    }

    private mutating func apply(
        _ wanted: SubscriptionChange.Item, newItemID: () -> String
    ) throws {
        guard let id = wanted.id else {
            guard let price = wanted.price, let sibling = items.first else {
                throw StripeError.invalid(
                    "You must pass a price for a new item.", param: "items[0][price]")
            }
            let period =
                context.isTrialing
                ? (start: sibling.periodStart, end: sibling.periodEnd)
                : PriceTerms(price).interval.cycle(
                    containing: context.now, anchor: context.anchor)
            items.append(
                SubscriptionItem(
                    id: newItemID(), price: price, quantity: wanted.quantity ?? 1,
                    periodStart: period.start, periodEnd: period.end, created: context.now,
                    metadata: wanted.metadata ?? [:]))
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
        guard let index = items.firstIndex(where: { $0.id == id }) else { return }
        if let metadata = wanted.metadata { items[index].metadata = metadata }
    }

    /// The unused time of what was billed is credited and a full period begins.
    private mutating func billNewCycle(before: [SubscriptionItem]) throws {
        if !context.isTrialing, change.prorationBehavior != "none" {
            for item in before { try addCredit(for: item) }
        }
        let now = context.now
        for index in items.indices {
            items[index].periodStart = now
            items[index].periodEnd = items[index].terms.interval.boundary(after: now, anchor: now)
            lines.append(.full(items[index], name: try names(items[index].price)))
        }
        invoicesNow = true
    }

    /// A trial sets the end of every item, and an invoice of nothing says so. What was paid for
    /// already is credited.
    private mutating func beginTrial(until end: Int64, before: [SubscriptionItem]) throws {
        startsNewCycle = true
        invoicesNow = true
        if !context.isTrialing, change.prorationBehavior != "none" {
            for item in before { try addCredit(for: item) }
        }
        for index in items.indices {
            if !context.isTrialing { items[index].periodStart = context.now }
            items[index].periodEnd = end
            try addTrialLine(for: items[index])
        }
    }

    /// What is added during a trial makes an invoice of nothing; another price makes none.
    private mutating func billAdditions(before: [SubscriptionItem]) throws {
        for item in items where !before.contains(where: { $0.id == item.id }) {
            try addTrialLine(for: item)
        }
        invoicesNow = !lines.isEmpty
    }

    private mutating func addTrialLine(for item: SubscriptionItem) throws {
        var item = item
        item.periodStart = context.now
        lines.append(
            .trial(item, name: try names(item.price), isFlexible: context.isFlexible))
    }

    /// An item whose price has another interval lies in that interval's cycle of the same anchor.
    private mutating func alignPeriods(before: [SubscriptionItem]) {
        for old in before {
            guard let index = items.firstIndex(where: { $0.id == old.id }),
                items[index].terms.interval != old.terms.interval
            else { continue }
            let cycle = items[index].terms.interval.cycle(
                containing: context.now, anchor: context.anchor)
            (items[index].periodStart, items[index].periodEnd) = (cycle.start, cycle.end)
        }
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
        // Classic billing credits the current price, flexible billing what was billed.
        let basis = context.billed[item.id]
        guard context.isFlexible else {
            return try addProration(of: item, verb: "Unused", sign: -1, credited: basis)
        }
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
        let kept = sign < 0 ? credited?.kept ?? context.kept : context.kept
        let amount = Reduction.share(kept, of: item.amount(from: date, anchor: context.anchor))
        let name = try names(item.price)
        let counted = item.quantity == 1 ? name : "\(item.quantity) × \(name)"
        lines.append(
            InvoiceLine(
                amount: sign * amount, currency: terms.currency,
                description:
                    "\(verb) time on \(counted) after \(CalendarDates.spoken(date))",
                start: date, end: item.periodEnd, price: terms, quantity: item.quantity,
                item: item.id, isProration: true, credited: credited, isBilling: sign > 0,
                kept: kept))
    }
}
