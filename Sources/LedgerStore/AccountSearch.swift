import Database
import FoundationEssentials
import Ledger
import Values

/// Whose something is, for an operator who has only its name.
package enum AccountSearch {
    /// The user whose customer or subscription at Stripe has this id.
    package static func user(
        ofStripeID id: String, in connection: any DatabaseConnection
    ) throws -> UUID? {
        for column in ["stripe_customer_id", "stripe_subscription_id"] {
            let row = try connection.queryOne(
                "SELECT user_id FROM subscriptions WHERE \(column) = ?", [.text(id)])
            if var reader = row?.reader { return try reader.uuid() }
        }
        return nil
    }

    /// The newest call with this `request_id`. No index begins with it, since each call would pay
    /// for one: each account is asked by the index of its own requests.
    package static func call(
        ofRequest id: String, in connection: any DatabaseConnection
    ) throws -> UUID? {
        let row = try connection.queryOne(
            """
            SELECT l.id FROM career_subscription_contexts c CROSS JOIN career_usage_logs l
            WHERE l.user_id = c.user_id AND l.request_id = ?
            ORDER BY l.id DESC LIMIT 1
            """, [.text(id)])
        guard var reader = row?.reader else { return nil }
        return try reader.uuid()
    }
}

extension AccountHistory {
    /// The newest lines of a subscription's history first.
    ///
    /// - Parameter id: of the last line of the page before.
    package static func latestChanges(
        of user: UUID, before id: UUID?, limit: Int, in connection: any DatabaseConnection
    ) throws -> [Change] {
        try connection.query(
            """
            SELECT c.id, c.event, c.plan_id, c.status, c.stripe_customer_id,
                c.stripe_subscription_id, c.at, c.reason
            FROM subscriptions s JOIN subscription_changes c ON c.subscription_id = s.id
            WHERE s.user_id = ? \(id == nil ? "" : "AND c.id < ?")
            ORDER BY c.id DESC LIMIT \(limit)
            """, [.uuid(user)] + (id.map { [.uuid($0)] } ?? [])
        ).map { row in
            var reader = row.reader
            return try Change(
                id: reader.uuid(), event: reader.text(), planID: reader.uuid(),
                status: reader.oneOf(Subscription.Status.self),
                stripeCustomerID: reader.optionalText(),
                stripeSubscriptionID: reader.optionalText(), at: reader.time(),
                reason: reader.optionalText())
        }
    }

    /// The newest grants of a user first.
    ///
    /// - Parameter key: of the last grant of the page before.
    package static func latestGrants(
        of user: UUID, before key: [SQLValue]?, limit: Int,
        in connection: any DatabaseConnection
    ) throws -> [CreditGrant] {
        let behind = key == nil ? "" : "AND (period_number, created_at, kind, cause) < (?, ?, ?, ?)"
        return try connection.query(
            """
            SELECT user_id, period_number, kind, cause, credits, reason, created_at
            FROM credit_grants WHERE user_id = ? \(behind)
            ORDER BY period_number DESC, created_at DESC, kind DESC, cause DESC LIMIT \(limit)
            """, [.uuid(user)] + (key ?? [])
        ).map(CreditGrantRow.read)
    }
}
