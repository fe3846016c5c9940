import Database
import FoundationEssentials
import Ledger
import Values

/// How all accounts stand, for the operators' overview: bounded questions, from snapshots.
package enum Standings {
    /// So many users are on a plan in a state.
    package struct Count: Sendable {
        package let planID: UUID
        package let status: Subscription.Status
        /// Whether it is paid for at Stripe.
        package let isLinked: Bool
        package let users: Int64
    }

    /// A user whose payment is open.
    package struct Unpaid: Sendable {
        package let userID: UUID
        package let planID: UUID
        package let status: Subscription.Status
        package let periodEnd: Timestamp
    }

    /// Calls of one feature among the newest.
    package struct FeatureCalls: Sendable {
        package let featureKey: String
        package let calls: Int64
        package let succeeded: Int64
        package let failed: Int64
        package let charged: Credits
    }

    /// The newest calls that are summed up: a bound on what a look at the overview reads.
    package static let latestCalls = 10_000

    package static func counts(in connection: any DatabaseConnection) throws -> [Count] {
        try connection.query(
            """
            SELECT plan_id, status, CASE WHEN stripe_subscription_id IS NULL THEN 0 ELSE 1 END,
                count(*)
            FROM subscriptions GROUP BY 1, 2, 3
            """
        ).map { row in
            var reader = row.reader
            return try Count(
                planID: reader.uuid(), status: reader.oneOf(Subscription.Status.self),
                isLinked: reader.bool(), users: reader.integer())
        }
    }

    /// Those whose payment is open, in the order of their ids.
    ///
    /// - Parameter user: the last one of the page before.
    package static func unpaid(
        after user: UUID?, limit: Int, in connection: any DatabaseConnection
    ) throws -> [Unpaid] {
        try connection.query(
            """
            SELECT s.user_id, s.plan_id, s.status, c.period_end
            FROM subscriptions s JOIN career_subscription_contexts c ON c.user_id = s.user_id
            WHERE s.status IN ('past_due', 'unpaid', 'incomplete')
                \(user == nil ? "" : "AND s.user_id > ?")
            ORDER BY s.user_id LIMIT \(limit)
            """, user.map { [.uuid($0)] } ?? []
        ).map { row in
            var reader = row.reader
            return try Unpaid(
                userID: reader.uuid(), planID: reader.uuid(),
                status: reader.oneOf(Subscription.Status.self), periodEnd: reader.time())
        }
    }

    /// The newest ``latestCalls`` by feature, the dearest first, and since when they are.
    package static func latest(
        in connection: any DatabaseConnection
    ) throws -> (features: [FeatureCalls], since: Timestamp?) {
        let newest = """
            SELECT feature_key, status, created_at, \(UsageLogRow.charged("l")) AS charged
            FROM career_usage_logs l ORDER BY id DESC LIMIT \(latestCalls)
            """
        let rows = try connection.query(
            """
            SELECT feature_key, count(*),
                CAST(sum(CASE status WHEN 'SUCCESS' THEN 1 ELSE 0 END) AS BIGINT),
                CAST(sum(CASE status WHEN 'FAILED' THEN 1 ELSE 0 END) AS BIGINT),
                CAST(coalesce(sum(charged), 0) AS BIGINT), min(created_at)
            FROM (\(newest)) newest GROUP BY feature_key ORDER BY 5 DESC, 1
            """)
        var since: Timestamp?
        let features = try rows.map { row in
            var reader = row.reader
            let feature = try FeatureCalls(
                featureKey: reader.text(), calls: reader.integer(), succeeded: reader.integer(),
                failed: reader.integer(), charged: reader.credits())
            let first = try reader.time()
            since = since.map { min($0, first) } ?? first
            return feature
        }
        return (features, since)
    }
}
