import GRDB
import JSON

/// What happens because time passes. Work is kept with the second at which it falls due and caught
/// up on in that order, each piece at its own time, however far the clock was moved.
enum Job: String {
    case trialWillEnd = "trial_will_end"
    case periodEnd = "period_end"
    case finalizeInvoice = "finalize_invoice"
    case retryPayment = "retry_payment"
    case expireIncomplete = "expire_incomplete"
    case expireSession = "expire_session"
    case cancelAtDate = "cancel_at_date"
    case expirePendingUpdate = "expire_pending_update"
    case resumeCollection = "resume_collection"
    case expireResumption = "expire_resumption"
    case deleteClock = "delete_clock"
    case settlePayment = "settle_payment"
}

extension Account {
    /// How much one catch-up may do; more means that something schedules itself without end.
    static let maximumJobs = 100_000
    /// A renewal's draft can be changed for an hour before it is charged.
    static let draftLifetime: Int64 = 3_600
    static let trialNotice: Int64 = 3 * CalendarDates.secondsPerDay

    func schedule(_ job: Job, _ subject: String, at time: Int64) throws {
        try unschedule(job, subject)
        try db.execute(
            sql: "INSERT INTO jobs (due_at, kind, subject, clock) VALUES (?, ?, ?, ?)",
            arguments: [time, job.rawValue, subject, job == .deleteClock ? nil : clock])
    }

    func unschedule(_ job: Job, _ subject: String) throws {
        try db.execute(
            sql: "DELETE FROM jobs WHERE subject = ? AND kind = ?",
            arguments: [subject, job.rawValue])
    }

    func unscheduleAll(of subject: String) throws {
        try db.execute(sql: "DELETE FROM jobs WHERE subject = ?", arguments: [subject])
    }

    /// The end of the period, and the notice before a trial ends.
    func scheduleBilling(of subscription: JSONValue) throws {
        let id = subscription["id"]?.string ?? ""
        let status = subscription["status"]?.string
        try unschedule(.cancelAtDate, id)
        if let date = subscription["cancel_at"]?.int, !Self.isEnded(subscription) {
            try schedule(.cancelAtDate, id, at: date)
        }
        guard status != "incomplete", status != "paused", !Self.isEnded(subscription),
            let end = SubscriptionItem.all(of: subscription).map(\.periodEnd).min()
        else { return try unschedule(.periodEnd, id) }
        try schedule(.periodEnd, id, at: end)
        try unschedule(.trialWillEnd, id)
        if status == "trialing", let trialEnd = subscription["trial_end"]?.int {
            let isSettled = try knowsTrialNotice(of: id, trialEnd: trialEnd)
            if !isSettled { try schedule(.trialWillEnd, id, at: trialEnd - Self.trialNotice) }
        }
    }

    /// Whether the notice for this end of the trial is out already.
    private func knowsTrialNotice(of id: String, trialEnd: Int64) throws -> Bool {
        try all(.event, .parent, is: id).contains {
            $0["type"] == "customer.subscription.trial_will_end"
                && $0.at("data", "object", "trial_end")?.int == trialEnd
        }
    }

    /// Catches up on everything that has fallen due by a time.
    func processDue(until time: Int64) throws {
        var done = 0
        while let row = try Row.fetchOne(
            db,
            sql: """
                SELECT id, due_at, kind, subject FROM jobs WHERE clock IS ? AND due_at <= ?
                ORDER BY due_at, id LIMIT 1
                """, arguments: [clock, time])
        {
            done += 1
            guard done <= Self.maximumJobs else {
                throw StripeError(500, "api_error", "Too much work has fallen due.")
            }
            let id: Int64 = row["id"]
            try db.execute(sql: "DELETE FROM jobs WHERE id = ?", arguments: [id])
            // What was late when it was scheduled happens now, not in the past.
            let latest = clock == nil ? try latestEventTime() : now
            now = max(row["due_at"], latest)
            if clock == nil { sandboxTime = now }
            let kind: String = row["kind"]
            if let job = Job(rawValue: kind) { try run(job, row["subject"]) }
        }
        now = time
        if clock == nil { sandboxTime = time }
    }

    private func latestEventTime() throws -> Int64 {
        try Int64.fetchOne(
            db,
            sql: """
                SELECT created FROM objects WHERE kind = 'event' ORDER BY sequence DESC LIMIT 1
                """) ?? 0
    }

    private func run(_ job: Job, _ subject: String) throws {
        switch job {
        case .trialWillEnd: try announceTrialEnd(subject)
        case .periodEnd: try endPeriod(subject)
        case .finalizeInvoice: try finalizeDraft(subject)
        case .retryPayment: try retryPayment(subject)
        case .expireIncomplete: try expireIncomplete(subject)
        case .expireSession: try expireOverdueSession(subject)
        case .cancelAtDate: try endOnDate(subject)
        case .expirePendingUpdate: try expirePendingUpdate(subject)
        case .resumeCollection: try resumeCollection(subject)
        case .expireResumption: try expireResumption(subject)
        case .deleteClock: _ = try deleteTestClock(subject)
        case .settlePayment: try settlePayment(subject, succeeds: true)
        }
    }

    private func announceTrialEnd(_ id: String) throws {
        guard let subscription = try find(.subscription, id),
            subscription["status"] == "trialing"
        else { return }
        try emit("customer.subscription.trial_will_end", subscription)
    }

    /// A period ends: the subscription is canceled if that was asked for, else it renews.
    private func endPeriod(_ id: String) throws {
        guard let subscription = try find(.subscription, id), !Self.isEnded(subscription) else {
            return
        }
        if try isToEnd(subscription) || endsWithSchedule(subscription) {
            try end(subscription, reason: "cancellation_requested")
            return
        }
        if subscription["status"] == "trialing", try !hasPaymentMethod(subscription) {
            let behavior = subscription.at(
                "trial_settings", "end_behavior", "missing_payment_method")
            if behavior == "cancel" {
                try end(subscription, reason: "payment_failed")
                return
            }
            if behavior == "pause" { return try pause(subscription) }
        }
        try renew(subscription)
    }

    private func isToEnd(_ subscription: JSONValue) -> Bool {
        if subscription["cancel_at_period_end"]?.bool == true { return true }
        guard let date = subscription["cancel_at"]?.int else { return false }
        return date <= now
    }

    private func endOnDate(_ id: String) throws {
        guard let subscription = try find(.subscription, id), !Self.isEnded(subscription),
            isToEnd(subscription)
        else { return }
        try end(subscription, reason: "cancellation_requested")
    }

    private func hasPaymentMethod(_ subscription: JSONValue) throws -> Bool {
        if subscription["default_payment_method"]?.string != nil { return true }
        let customer = try get(.customer, subscription["customer"]?.string ?? "")
        return customer.at("invoice_settings", "default_payment_method")?.string != nil
    }

    private func pause(_ subscription: JSONValue) throws {
        var paused = subscription
        paused.set("status", to: "paused")
        paused.set(
            "status_details",
            to: [
                "paused": [
                    "subscription": ["type": "trial_end_without_payment_method"],
                    "transitioned_at": .int(now), "type": "subscription",
                ]
            ])
        try save(paused)
        try emit("customer.subscription.paused", paused, previous: subscription)
    }

    /// The next period begins with a draft invoice, which is charged an hour later
    /// (docs.stripe.com/billing/invoices/subscription, "Subscription renewals").
    private func renew(_ old: JSONValue) throws {
        var subscription = old
        let id = old["id"]?.string ?? ""
        let before = SubscriptionItem.all(of: old)
        let boundary = before.map(\.periodEnd).min() ?? now
        var items = before
        // Each item has a period of its own: only those whose period is over begin another.
        try takeScheduledChange(of: id, in: &items)
        try takeNextPhase(of: &subscription, in: &items)
        for index in items.indices where items[index].periodEnd <= boundary {
            begin(&items[index], after: boundary, of: subscription)
        }
        subscription.set("items", to: SubscriptionItem.list(items, of: id))
        if old["status"] == "trialing" { subscription.set("status", to: "active") }
        var lines = try pendingLines(of: id)
        let anchor = subscription["billing_cycle_anchor"]?.int ?? boundary
        for item in items where item.periodStart == boundary {
            var line = InvoiceLine.full(item, name: try productName(of: item.price))
            line.amount = item.amount(from: item.periodStart, anchor: anchor)
            lines.append(line)
        }
        lines = try discounted(lines, of: subscription)
        let invoice = try draftInvoice(
            of: &subscription, lines: lines, reason: "subscription_cycle",
            period: (before.map(\.periodStart).min() ?? now, boundary))
        try save(subscription)
        try scheduleFinalization(of: invoice, subscription: subscription)
        try emit("customer.subscription.updated", subscription, previous: old)
        try scheduleBilling(of: subscription)
    }

    private func begin(
        _ item: inout SubscriptionItem, after boundary: Int64, of subscription: JSONValue
    ) {
        let anchor = subscription["billing_cycle_anchor"]?.int ?? boundary
        let end = item.terms.interval.boundary(after: boundary, anchor: anchor)
        item.periodStart = boundary
        // A date on which the subscription ends cuts its last period short.
        item.periodEnd = min(end, subscription["cancel_at"]?.int ?? end)
    }

    /// A renewal's draft is charged by itself, but not for who is `unpaid` already.
    private func scheduleFinalization(
        of draft: JSONValue, subscription: JSONValue
    ) throws {
        var invoice = draft
        let keepsDrafts = subscription.at("pause_collection", "behavior") == "keep_as_draft"
        guard subscription["status"] != "unpaid", !keepsDrafts else {
            invoice.set("auto_advance", to: false)
            return try save(invoice)
        }
        let finalizesAt = now + Self.draftLifetime
        invoice.set("automatically_finalizes_at", to: .int(finalizesAt))
        invoice.set("next_payment_attempt", to: .int(finalizesAt))
        try save(invoice)
        try schedule(.finalizeInvoice, invoice["id"]?.string ?? "", at: finalizesAt)
    }
}
