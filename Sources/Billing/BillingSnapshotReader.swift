import Database
import Foundation
import Ledger
import Messaging
import Stripe
import Values

/// Reads a subscription, its invoices and what became of their money at Stripe into a
/// ``BillingSnapshot``: what Stripe says, in the ledger's words. It decides and writes nothing.
package struct BillingSnapshotReader: Sendable {
    /// The latest paid periods that a snapshot holds: the running one, one that follows it, and the
    /// one before, of which money may still go back.
    static let periods = 3
    /// How many before them are held too if an event told that money of theirs went back: what they
    /// left over may be there still.
    static let earlierPeriods = 24

    let stripe: StripeClient
    let database: any Database
    package let prices: StripePrices

    package init(stripe: StripeClient, database: any Database, prices: StripePrices) {
        self.stripe = stripe
        self.database = database
        self.prices = prices
    }

    /// A subscription as it was read.
    package struct Reading: Sendable {
        package let snapshot: BillingSnapshot
        /// The oldest first.
        package let invoices: [StripeInvoice]
        /// The item whose price is ours; the first where there are several.
        let item: StripeSubscription.Item?
        /// `nil` where the plan has none, or is none of ours.
        package let seats: SubscribedSeats?
        /// Of these invoices money went back.
        package let returned: [String]
        /// What its schedule brings.
        let coming: Coming
    }

    /// Which payments are looked at for money that went back.
    package enum Returns: Sendable {
        /// Those of invoices of which an event has told that money went back.
        case told
        case all
    }

    /// - Returns: the items whose price is that of a plan of ours, with the plan.
    package func planItems(
        of subscription: StripeSubscription
    ) async throws -> [(item: StripeSubscription.Item, plan: UUID)] {
        var found: [(StripeSubscription.Item, UUID)] = []
        for item in subscription.items {
            if let plan = try await prices.plan(of: item.price) { found.append((item, plan)) }
        }
        return found
    }

    package func read(
        _ subscription: StripeSubscription, returns: Returns = .told
    ) async throws -> Reading {
        let ours = try await planItems(of: subscription).first
        let invoices = try await stripe.listInvoices(subscription.id)
            .sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
        let billed = invoices.filter { $0.isBilled(of: subscription) }
        let waiting = try await pendingLines(of: subscription, ours?.item, billed)
        let plans = try await plans(
            of: invoices.flatMap(\.lines) + waiting, among: subscription.items.map(\.price))
        var paid = PaidLines(subscription)
        for invoice in invoices where invoice.isPaid(beforeEndOf: subscription) {
            for line in invoice.lines where !line.isProration && line.periodEnd > line.periodStart {
                let plan = line.priceID.flatMap { plans[$0] }
                // A price of no plan of ours counts where the subscription has none of ours.
                if plan != nil || ours == nil { paid.add(line, of: invoice, plan: plan) }
            }
        }
        let latest = paid.latest(Self.periods)
        let changes = changes(
            billed, waiting, plans, trial: subscription.trial,
            since: latest.first?.start ?? .max)
        let earlier = paid.latest(Self.periods + Self.earlierPeriods).dropLast(latest.count)
        let returned = try await toldOf(Set(earlier.map(\.invoice.id)))
        let periods = earlier.filter { returned.contains($0.invoice.id) } + latest
        let money = try await money(
            of: Set(periods.map(\.invoice.id) + changes.compactMap(\.invoice?.id)), invoices,
            returns)
        let coming = try await coming(to: subscription, on: ours?.plan)
        return Reading(
            snapshot: BillingSnapshot(
                customerID: subscription.customerID, subscriptionID: subscription.id,
                planID: ours?.plan, status: Subscription.Status(subscription.status),
                cancelAtPeriodEnd: subscription.isEnding, cancelAt: time(subscription.endsAt),
                canceledAt: time(subscription.canceledAt), endedAt: time(subscription.endedAt),
                trialEnd: time(subscription.trialEnd), scheduled: coming.plan,
                periods: periods.map { $0.period(money[$0.invoice.id] ?? .none) },
                changes: changes.map { change in
                    change.change(change.invoice.flatMap { money[$0.id] } ?? .none)
                }),
            invoices: invoices, item: ours?.item,
            seats: try await seats(of: subscription, on: ours?.plan, next: coming.next),
            returned: money.filter { $0.value.returned > 0 }.keys.sorted(), coming: coming)
    }

    /// The plans of all prices that the lines name, each asked for once.
    private func plans(
        of lines: [StripeInvoice.Line], among known: [StripePrice]
    ) async throws -> [String: UUID] {
        var plans: [String: UUID] = [:]
        for price in Set(lines.compactMap(\.priceID)).sorted() {
            plans[price] = try await prices.plan(ofPriceID: price, among: known)
        }
        return plans
    }

    // MARK: Changes of plan

    /// What waits for the next invoice. It is asked for where the present price was not billed.
    private func pendingLines(
        of subscription: StripeSubscription, _ item: StripeSubscription.Item?,
        _ invoices: [StripeInvoice]
    ) async throws -> [StripeInvoice.Line] {
        let billed = invoices.flatMap(\.lines)
            .filter { !$0.isCredit && $0.subscriptionItemID == item?.id }
            .max { $0.periodStart < $1.periodStart }
        guard let item, let billed, billed.priceID != item.price.id else { return [] }
        return try await stripe.listPendingItems(subscription.customerID)
            .filter { $0.subscriptionID == subscription.id }.map(\.line)
    }

    /// The changes that are billed, in their order: of each, what was given back and what was
    /// charged stand next to each other.
    private func changes(
        _ invoices: [StripeInvoice], _ waiting: [StripeInvoice.Line], _ plans: [String: UUID],
        trial: Range<Int64>, since first: Int64
    ) -> [BilledChange] {
        var found: [BilledChange] = []
        for invoice in invoices {
            found += pairs(invoice.lines, plans, of: invoice)
        }
        found += pairs(waiting, plans, of: nil)
        return found.filter { $0.at >= first && !trial.contains($0.at) }
            .enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
            .map(\.element)
    }

    private func pairs(
        _ lines: [StripeInvoice.Line], _ plans: [String: UUID], of invoice: StripeInvoice?
    ) -> [BilledChange] {
        var pairs: [BilledChange] = []
        var open: [String: [Int]] = [:]
        for line in lines where line.isProration {
            guard let plan = line.priceID.flatMap({ plans[$0] }) else { continue }
            let place = "\(line.subscriptionItemID ?? "") \(line.periodStart) \(line.isCredit)"
            let other = "\(line.subscriptionItemID ?? "") \(line.periodStart) \(!line.isCredit)"
            if let index = open[other]?.first {
                open[other]?.removeFirst()
                pairs[index].add(line, plan)
            } else {
                open[place, default: []].append(pairs.count)
                pairs.append(BilledChange(line, plan, invoice))
            }
        }
        return pairs
    }

    // MARK: What became of the money

    private func money(
        of ids: Set<String>, _ invoices: [StripeInvoice], _ returns: Returns
    ) async throws -> [String: BillingSnapshot.Money] {
        let told = returns == .all ? ids : try await toldOf(ids)
        var money: [String: BillingSnapshot.Money] = [:]
        for invoice in invoices where ids.contains(invoice.id) && invoice.status == .paid {
            let returned = told.contains(invoice.id) ? try await self.returned(invoice.id) : 0
            money[invoice.id] = BillingSnapshot.Money(
                paid: invoice.amountPaid, returned: returned)
        }
        return money
    }

    /// What of an invoice's payments went back.
    package func returned(_ invoiceID: String) async throws -> Int64 {
        var returned: Int64 = 0
        for payment in try await stripe.listInvoicePayments(.invoice(invoiceID)) {
            guard let intent = payment.paymentIntentID, let paid = payment.amountPaid else {
                continue
            }
            returned += PaymentReturns.sum(
                of: paid, refunds: try await stripe.listRefunds(intent),
                disputes: try await stripe.listDisputes(intent))
        }
        return returned
    }

    private func toldOf(_ ids: Set<String>) async throws -> Set<String> {
        guard !ids.isEmpty else { return [] }
        let marks = ids.map { _ in "?" }.joined(separator: ", ")
        return try await database.read { connection in
            try Set(
                connection.query(
                    "SELECT invoice_id FROM revoked_invoices WHERE invoice_id IN (\(marks))",
                    ids.sorted().map { .text($0) }
                ).map { row in
                    var reader = row.reader
                    return try reader.text()
                })
        }
    }

    private func time(_ seconds: Int64?) -> Timestamp? { seconds.map { Timestamp(ofStripe: $0) } }
}

/// The lines of paid invoices that paid for periods.
private struct PaidLines {
    struct Period {
        let invoice: StripeInvoice
        let plan: UUID?
        let start: Int64
        var end: Int64
        let isTrial: Bool

        func period(_ money: BillingSnapshot.Money) -> BillingSnapshot.PaidPeriod {
            BillingSnapshot.PaidPeriod(
                invoiceID: invoice.id, planID: plan, start: Timestamp(ofStripe: start),
                end: Timestamp(ofStripe: end),
                isFirst: invoice.billingReason == "subscription_create", isTrial: isTrial,
                money: money)
        }
    }

    private let trial: Range<Int64>
    private var periods: [Period] = []

    init(_ subscription: StripeSubscription) {
        trial = subscription.trial
    }

    /// Of an invoice the line that reaches furthest counts. A trial is one period, however often
    /// its end was moved and an invoice over nothing made for it.
    mutating func add(_ line: StripeInvoice.Line, of invoice: StripeInvoice, plan: UUID?) {
        let isTrial = invoice.total == 0 && line.amount == 0 && trial.contains(line.periodStart)
        let period = Period(
            invoice: invoice, plan: plan, start: line.periodStart,
            end: isTrial ? trial.upperBound : line.periodEnd, isTrial: isTrial)
        if isTrial, let known = periods.firstIndex(where: \.isTrial) {
            // Invoices of one second stand in any order; the first one began the subscription.
            if invoice.billingReason == "subscription_create" { periods[known] = period }
            return
        }
        guard let same = periods.firstIndex(where: { $0.invoice.id == invoice.id }) else {
            return periods.append(period)
        }
        if periods[same].end < period.end { periods[same] = period }
    }

    /// Those that began last: a month may take the place of a year that would end later.
    func latest(_ count: Int) -> [Period] {
        Array(periods.sorted { ($0.start, $0.end) < ($1.start, $1.end) }.suffix(count))
    }
}

/// A change of plan as its lines bill it.
private struct BilledChange {
    let at: Int64
    let end: Int64
    /// `nil` while it waits for one.
    let invoice: StripeInvoice?
    private var id: String
    private var from: UUID?
    private var to: UUID?
    private var amount: Int64

    init(_ line: StripeInvoice.Line, _ plan: UUID, _ invoice: StripeInvoice?) {
        at = line.periodStart
        end = line.periodEnd
        self.invoice = invoice
        id = line.invoiceItemID ?? line.id
        amount = line.amount
        if line.isCredit { from = plan } else { to = plan }
    }

    /// The charge names the pair.
    mutating func add(_ line: StripeInvoice.Line, _ plan: UUID) {
        amount += line.amount
        if line.isCredit {
            from = plan
        } else {
            to = plan
            id = line.invoiceItemID ?? line.id
        }
    }

    func change(_ money: BillingSnapshot.Money) -> BillingSnapshot.PlanChange {
        BillingSnapshot.PlanChange(
            id: id, at: Timestamp(ofStripe: at), end: Timestamp(ofStripe: end), from: from, to: to,
            isPaid: invoice?.status == .paid, givesBack: amount < 0, money: money)
    }
}
