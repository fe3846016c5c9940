import CareerDomain
import Database
import Foundation
import Messaging
import Stripe

/// Finds where our mirror and Stripe differ, and mends it by fetching anew.
public struct StripeReconciliation: Sendable {
    public struct Report: Sendable {
        public let checked: Int
        public let differences: [String]
        /// What still differed after it was mended; all of them where nothing was to be mended.
        public let remaining: [String]
    }

    /// Accounts that are read at a time.
    static let pageSize: Int64 = 200

    let stripe: StripeClient
    let database: any Database
    let mirror: StripeMirror
    let prices: StripePrices

    private struct Mirrored: Sendable {
        let userID: UUID
        let customerID: String
        let subscriptionID: String?
        let planID: UUID
        let status: Subscription.Status
        let cancelAtPeriodEnd: Bool
        let periodStart: Timestamp
        let periodEnd: Timestamp
        let isPeriodPaid: Bool
    }

    public func run(repair: Bool) async throws -> Report {
        var differences: [String] = []
        var remaining: [String] = []
        var checked = 0
        var last = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        while true {
            let page = try await accounts("user_id > ?", [.uuid(last)])
            guard let end = page.last else { break }
            last = end.userID
            for account in page {
                checked += 1
                let found = try await drift(of: account)
                differences += found.map { "user \(account.userID.text): \($0.difference)" }
                if repair && !found.isEmpty {
                    remaining += try await mend(found, of: account)
                }
            }
        }
        return Report(
            checked: checked, differences: differences,
            remaining: repair ? remaining : differences)
    }

    /// - Returns: what differs still, e.g. a subscription that Stripe has never heard of.
    private func mend(_ found: [Drift], of account: Mirrored) async throws -> [String] {
        for invoice in found.compactMap(\.returned) {
            try await mirror.noteReturned(invoice, reason: "reconciliation")
        }
        for subscriptionID in Set(found.map(\.subscriptionID)).sorted() {
            do {
                try await mirror.refresh(
                    subscriptionID, userID: account.userID, requestID: nil)
            } catch is PoisonMessage {
                // It is none that we could mirror; the second look tells.
                continue
            }
        }
        guard
            let mended = try await accounts("user_id = ?", [.uuid(account.userID)]).first
        else { return [] }
        return try await drift(of: mended).map {
            "user \(account.userID.text): \($0.difference)"
        }
    }

    private func accounts(_ filter: String, _ arguments: [SQLValue]) async throws -> [Mirrored] {
        try await database.read { connection in
            try connection.query(
                """
                SELECT user_id, stripe_customer_id, stripe_subscription_id, plan_id, status,
                    cancel_at_period_end, period_start, period_end, period_source
                FROM (SELECT s.*, c.period_start, c.period_end, c.period_source
                    FROM subscriptions s
                    JOIN career_subscription_contexts c ON c.subscription_id = s.id) AS mirrored
                WHERE stripe_customer_id IS NOT NULL AND \(filter)
                ORDER BY user_id LIMIT ?
                """, arguments + [.integer(Self.pageSize)]
            ).map { row in
                var reader = row.reader
                return try Mirrored(
                    userID: reader.uuid(), customerID: reader.text(),
                    subscriptionID: reader.optionalText(), planID: reader.uuid(),
                    status: reader.oneOf(Subscription.Status.self),
                    cancelAtPeriodEnd: reader.bool(), periodStart: reader.time(),
                    periodEnd: reader.time(),
                    isPeriodPaid: reader.oneOf(BillingPeriod.Source.self) == .paid)
            }
        }
    }

    private struct Drift {
        /// The one that is to be fetched anew.
        let subscriptionID: String
        let difference: String
        /// An invoice whose money went back.
        let returned: String?

        init(_ subscriptionID: String, _ difference: String, returned: String? = nil) {
            self.subscriptionID = subscriptionID
            self.difference = "\(subscriptionID) \(difference)"
            self.returned = returned
        }
    }

    private func drift(of account: Mirrored) async throws -> [Drift] {
        let live = try await subscriptions(of: account.customerID)
        guard let known = account.subscriptionID else {
            return live.filter { $0.status != .incomplete }.map {
                Drift($0.id, "is \($0.status.text) at Stripe, unknown here")
            }
        }
        let others = live.filter { $0.id != known && $0.status != .incomplete }
            .map { Drift($0.id, "is a second live subscription") }
        guard let theirs = live.first(where: { $0.id == known }) else {
            let here = account.status.rawValue
            return [Drift(known, "is over at Stripe, \(here) here")] + others
        }
        return try await drift(of: account, from: theirs) + others
    }

    private func drift(
        of account: Mirrored, from theirs: StripeSubscription
    ) async throws -> [Drift] {
        var found: [Drift] = []
        let here = account.status.rawValue
        if Subscription.Status(theirs.status) != account.status {
            found.append(Drift(theirs.id, "is \(theirs.status.text) at Stripe, \(here) here"))
        }
        if theirs.isEnding != account.cancelAtPeriodEnd {
            let place = theirs.isEnding ? "at Stripe" : "here"
            found.append(Drift(theirs.id, "ends with its period only \(place)"))
        }
        guard let price = theirs.items.first?.price,
            let plan = try await prices.plan(of: price)
        else { return found + [Drift(theirs.id, "has a price of no plan of ours at Stripe")] }
        if plan != account.planID {
            found.append(Drift(theirs.id, "is on another plan at Stripe"))
        }
        guard let paid = try await mirror.reader.paidPeriod(of: theirs) else { return found }
        if try await mirror.reader.isReturned(paid.invoiceID) {
            found.append(
                Drift(
                    theirs.id, "is paid by \(paid.invoiceID) only here: its money went back",
                    returned: paid.invoiceID))
        } else if paid.end > (account.isPeriodPaid ? account.periodEnd : account.periodStart) {
            found.append(
                Drift(theirs.id, "is paid until \(paid.end.rfc3339) at Stripe, not here"))
        }
        return found
    }

    /// Those that are not over. A customer who is gone subscribes to nothing.
    private func subscriptions(of customerID: String) async throws -> [StripeSubscription] {
        do {
            return try await stripe.listSubscriptions(customerID).filter { !$0.isOver }
        } catch {
            guard case .notFound = error.kind else { throw error }
            return []
        }
    }
}
