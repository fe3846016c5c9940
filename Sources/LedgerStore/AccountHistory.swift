import Database
import FoundationEssentials
import Ledger
import Values

/// What happened to an account, page by page, the oldest first (keyset pagination).
package enum AccountHistory {
    /// A line of a subscription's history.
    package struct Change: Sendable {
        package let id: UUID
        package let event: String
        package let planID: UUID
        package let status: Subscription.Status
        package let stripeCustomerID: String?
        package let stripeSubscriptionID: String?
        package let at: Timestamp
        package let reason: String?

        /// After which the next page begins.
        package var key: [SQLValue] { [.time(at), .uuid(id)] }
    }

    package static func changes(
        of user: UUID, after key: [SQLValue]?, limit: Int64,
        in connection: any DatabaseConnection
    ) throws -> [Change] {
        try connection.query(
            """
            SELECT c.id, c.event, c.plan_id, c.status, c.stripe_customer_id,
                c.stripe_subscription_id, c.at, c.reason
            FROM subscription_changes c JOIN subscriptions s ON s.id = c.subscription_id
            WHERE s.user_id = ? \(key == nil ? "" : "AND (c.at, c.id) > (?, ?)")
            ORDER BY c.at, c.id LIMIT ?
            """, [.uuid(user)] + (key ?? []) + [.integer(limit)]
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

    /// Whether something was decided of what is subscribed to at Stripe since then, beyond that no
    /// plan follows any more.
    package static func hasMoved(
        _ stripeSubscriptionID: String, since: Timestamp, of t: ProductTables = .of(.career),
        in connection: any DatabaseConnection
    ) throws -> Bool {
        try !connection.query(
            """
            SELECT 1 FROM \(t.changes) c JOIN \(t.subscriptions) s ON s.id = c.subscription_id
            WHERE s.stripe_subscription_id = ? AND c.at >= ?
                AND c.event NOT IN ('plan_unscheduled', 'updated')
            LIMIT 1
            """, [.text(stripeSubscriptionID), .time(since)]
        ).isEmpty
    }

    /// How often another plan, or another day, took the place of what was to follow by then. That a
    /// plan which was given up follows again is none of these.
    ///
    /// - Parameter subscription: our own id of it.
    package static func timesReplanned(
        _ subscription: UUID, of t: ProductTables = .of(.career),
        in connection: any DatabaseConnection
    ) throws -> Int64 {
        let row = try connection.queryOne(
            """
            SELECT count(*) FROM \(t.changes) c
            WHERE c.subscription_id = ? AND c.event = 'plan_scheduled' AND 'plan_scheduled' = (
                SELECT p.event FROM \(t.changes) p
                WHERE p.subscription_id = c.subscription_id AND p.id < c.id
                    AND p.event IN ('plan_scheduled', 'plan_unscheduled')
                ORDER BY p.id DESC LIMIT 1)
            """, [.uuid(subscription)])
        guard var reader = row?.reader else { return 0 }
        return try reader.integer()
    }

    package static func grants(
        of user: UUID, after key: [SQLValue]?, limit: Int64,
        _ t: ProductTables = .of(.career), in connection: any DatabaseConnection
    ) throws -> [CreditGrant] {
        let behind = key == nil ? "" : "AND (period_number, created_at, kind, cause) > (?, ?, ?, ?)"
        return try connection.query(
            """
            SELECT \(t.holder), period_number, kind, cause, credits, reason, created_at
            FROM \(t.lines)
            WHERE \(t.holder) = ? \(behind)
            ORDER BY period_number, created_at, kind, cause LIMIT ?
            """, [.uuid(user)] + (key ?? []) + [.integer(limit)]
        ).map(CreditGrantRow.read)
    }

    /// What lines gave to a period's pool, all of them together; what takes away, or gives back
    /// what was taken, is not counted.
    package static func given(
        to user: UUID, period: Int64, _ t: ProductTables = .of(.career),
        in connection: any DatabaseConnection
    ) throws -> Credits {
        let row = try connection.queryOne(
            """
            SELECT CAST(coalesce(sum(credits), 0) AS BIGINT) FROM \(t.lines)
            WHERE \(t.holder) = ? AND period_number = ? AND credits > 0 AND kind <> 'revocation'
            """, [.uuid(user), .integer(period)])
        guard var reader = row?.reader else { return .zero }
        return try reader.credits()
    }

    /// After which the next page of grants begins.
    package static func key(of grant: CreditGrant) -> [SQLValue] {
        [
            .integer(grant.periodNumber), .time(grant.createdAt), .text(grant.kind.rawValue),
            .text(grant.cause),
        ]
    }

    /// Whether a grant of this kind was given to the user for one of these causes.
    package static func wasGranted(
        _ kind: CreditGrant.Kind, _ causes: [String], to user: UUID,
        of t: ProductTables = .of(.career), in connection: any DatabaseConnection
    ) throws -> Bool {
        let marks = causes.map { _ in "?" }.joined(separator: ", ")
        return try !connection.query(
            """
            SELECT 1 FROM \(t.lines)
            WHERE \(t.holder) = ? AND kind = ? AND cause IN (\(marks)) LIMIT 1
            """,
            [.uuid(user), .text(kind.rawValue)] + causes.map { .text($0) }
        ).isEmpty
    }
}
