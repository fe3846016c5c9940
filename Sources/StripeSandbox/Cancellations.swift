import JSON

/// When a subscription is to end: `cancel_at_period_end`, which follows the period, or `cancel_at`,
/// a date (docs.stripe.com/billing/subscriptions/cancel, docs.stripe.com/api/subscriptions/update).
enum Cancellation: Equatable {
    case atPeriodEnd(Bool)
    /// Nil unsets the date.
    case at(Int64?)
}

extension Account {
    static let cancellationWords = ["min_period_end", "max_period_end", "max_billed_until"]

    /// What a request says about the ending. Both ways in one request are refused, even to clear.
    func cancellation(
        _ parameters: Parameters, items: [SubscriptionItem]
    ) throws -> Cancellation? {
        let flag = try parameters.bool("cancel_at_period_end")
        guard let date = parameters.sent("cancel_at") else {
            return flag.map { .atPeriodEnd($0) }
        }
        guard flag == nil else {
            throw StripeError.invalid(
                "Received both cancel_at_period_end and cancel_at parameters. Please pass in only "
                    + "one.")
        }
        guard !date.isEmpty else { return .at(nil) }
        // A word becomes a date at once and does not follow the period.
        if Self.cancellationWords.contains(date) {
            let ends = items.map(\.periodEnd)
            return .at(date == "min_period_end" ? ends.min() : ends.max())
        }
        guard let time = try parameters.int("cancel_at"), time > now else {
            throw StripeError.invalid(
                "Invalid timestamp: must be an integer Unix timestamp in the future.",
                param: "cancel_at")
        }
        return .at(time)
    }

    /// Notes the ending. The status stays as it is until then; `canceled_at` is the request's time.
    ///
    /// A date within the period shortens it, and taking the date back lengthens it again. The lines
    /// that this answers are what the customer is credited or owes for that.
    func apply(
        _ cancellation: Cancellation, to subscription: inout JSONValue, prorates: Bool
    ) throws -> [InvoiceLine] {
        switch cancellation {
        case .atPeriodEnd(true):
            guard subscription["cancel_at_period_end"]?.bool != true else { return [] }
            let lines = try setEnd(nil, of: &subscription, prorates: prorates)
            let end = SubscriptionItem.all(of: subscription).map(\.periodEnd).min()
            mark(&subscription, flag: true, date: end)
            return lines
        case .atPeriodEnd(false):
            guard subscription["cancel_at_period_end"]?.bool == true || clearsDate(subscription)
            else { return [] }
            unmark(&subscription)
            return try setEnd(nil, of: &subscription, prorates: prorates)
        case .at(nil):
            guard subscription["cancel_at"]?.int != nil else { return [] }
            unmark(&subscription)
            return try setEnd(nil, of: &subscription, prorates: prorates)
        case .at(let date?):
            mark(&subscription, flag: false, date: date)
            return try setEnd(date, of: &subscription, prorates: prorates)
        }
    }

    /// Whether `cancel_at_period_end=false` takes back a date that was set by itself. It was seen
    /// to do so where the date is the end of a period; a test may have it do more, or nothing.
    private func clearsDate(_ subscription: JSONValue) -> Bool {
        guard let date = subscription["cancel_at"]?.int else { return false }
        switch knobs.flagUndo {
        case .anyDate: return true
        case .noDate: return false
        case .periodEnd:
            return SubscriptionItem.all(of: subscription).contains {
                naturalPeriod(of: $0, in: subscription).end == date
            }
        }
    }

    private func mark(_ subscription: inout JSONValue, flag: Bool, date: Int64?) {
        subscription.set("cancel_at_period_end", to: .bool(flag))
        subscription.set("cancel_at", to: .integer(date))
        subscription.set("canceled_at", to: .int(now))
        subscription.set("cancellation_details", "reason", to: "cancellation_requested")
    }

    private func unmark(_ subscription: inout JSONValue) {
        subscription.set("cancel_at_period_end", to: false)
        subscription.set("cancel_at", to: .null)
        subscription.set("canceled_at", to: .null)
        for field in ["comment", "feedback", "reason"] {
            subscription.set("cancellation_details", field, to: .null)
        }
    }

    /// The item's period if nothing cuts it short.
    func naturalPeriod(
        of item: SubscriptionItem, in subscription: JSONValue
    ) -> (start: Int64, end: Int64) {
        if subscription["status"] == "trialing", let end = subscription["trial_end"]?.int {
            return (item.periodStart, end)
        }
        let anchor = subscription["billing_cycle_anchor"]?.int ?? item.periodStart
        return item.terms.interval.cycle(containing: item.periodStart, anchor: anchor)
    }

    private func setEnd(
        _ date: Int64?, of subscription: inout JSONValue, prorates: Bool
    ) throws -> [InvoiceLine] {
        var items = SubscriptionItem.all(of: subscription)
        let isFree = subscription["status"] == "trialing"
        var lines: [InvoiceLine] = []
        for index in items.indices {
            let item = items[index]
            let period = naturalPeriod(of: item, in: subscription)
            let end = min(period.end, date ?? period.end)
            guard end != item.periodEnd else { continue }
            items[index].periodEnd = end
            guard prorates, !isFree else { continue }
            lines.append(try line(for: item, until: end, of: period))
        }
        let id = subscription["id"]?.string ?? ""
        subscription.set("items", to: SubscriptionItem.list(items, of: id))
        return lines
    }

    /// What is owed when an item ends at another time than before; negative where it ends earlier.
    private func line(
        for item: SubscriptionItem, until end: Int64, of period: (start: Int64, end: Int64)
    ) throws -> InvoiceLine {
        let shortens = end < item.periodEnd
        let (from, to) = (min(end, item.periodEnd), max(end, item.periodEnd))
        let amount =
            Proration.amount(
                unitAmount: item.terms.unitAmount, quantity: item.quantity, at: from,
                periodStart: period.start, periodEnd: period.end)
            - Proration.amount(
                unitAmount: item.terms.unitAmount, quantity: item.quantity, at: to,
                periodStart: period.start, periodEnd: period.end)
        let name = try productName(of: item.price)
        var line = InvoiceLine.full(item, name: name)
        let billed = try billedItems(of: [item])[item.id]
        let due = Reduction.share(billed?.kept ?? Reduction.all, of: amount)
        line.amount = shortens ? -due : due
        line.description =
            "\(shortens ? "Unused" : "Remaining") time on \(name) after "
            + CalendarDates.spoken(from)
        (line.start, line.end) = (from, to)
        line.isProration = true
        line.isBilling = false
        line.credited = shortens ? billed : nil
        return line
    }
}
