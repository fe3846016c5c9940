import CareerDomain
import Database
import Foundation
import Stripe

/// Finds where our mirror and Stripe differ, and mends it by fetching anew.
public struct StripeReconciliation: Sendable {
    public struct Report: Sendable {
        public let checked: Int
        public let differences: [String]
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
    }

    public func run(repair: Bool) async throws -> Report {
        var differences: [String] = []
        var checked = 0
        var last = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        while true {
            let page = try await accounts(after: last)
            guard let end = page.last else { break }
            last = end.userID
            for account in page {
                checked += 1
                for (subscriptionID, difference) in try await drift(of: account) {
                    differences.append("user \(account.userID.text): \(difference)")
                    if repair {
                        try await mirror.refresh(subscriptionID, userID: account.userID)
                    }
                }
            }
        }
        return Report(checked: checked, differences: differences)
    }

    private func accounts(after last: UUID) async throws -> [Mirrored] {
        try await database.read { connection in
            try connection.query(
                """
                SELECT user_id, stripe_customer_id, stripe_subscription_id, plan_id, status,
                    cancel_at_period_end
                FROM subscriptions WHERE stripe_customer_id IS NOT NULL AND user_id > ?
                ORDER BY user_id LIMIT ?
                """, [.uuid(last), .integer(Self.pageSize)]
            ).map { row in
                var reader = row.reader
                return try Mirrored(
                    userID: reader.uuid(), customerID: reader.text(),
                    subscriptionID: reader.optionalText(), planID: reader.uuid(),
                    status: reader.oneOf(Subscription.Status.self),
                    cancelAtPeriodEnd: reader.bool())
            }
        }
    }

    /// Each with the subscription that is to be fetched anew.
    private func drift(of account: Mirrored) async throws -> [(String, String)] {
        let live = try await stripe.listSubscriptions(account.customerID)
            .filter { !$0.isOver }
        guard let known = account.subscriptionID else {
            return live.map { ($0.id, "\($0.id) is \($0.status.text) at Stripe, unknown here") }
        }
        guard let theirs = live.first(where: { $0.id == known }) else {
            return [(known, "\(known) is over at Stripe, \(account.status.rawValue) here")]
        }
        var found: [(String, String)] = []
        if Subscription.Status(theirs.status) != account.status {
            found.append(
                (
                    known,
                    "\(known) is \(theirs.status.text) at Stripe, \(account.status.rawValue) here"
                ))
        }
        if theirs.isEnding != account.cancelAtPeriodEnd {
            found.append((known, "\(known) ends with its period on one side only"))
        }
        if let item = theirs.items.first,
            let plan = try await prices.plan(of: item.price.id, lookupKey: item.price.lookupKey),
            plan != account.planID
        {
            found.append((known, "\(known) is on another plan at Stripe"))
        }
        for other in live where other.id != known {
            found.append((other.id, "\(other.id) is a second live subscription"))
        }
        return found
    }
}
