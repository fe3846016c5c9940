import Database
import FoundationEssentials
import Ledger
import Values

/// How subscriptions moved between plans lately, read from their history: a bounded question.
///
/// Past due is passed over: who pays in the end went on, and who does not ends when that is over.
package struct PlanMovement: Sendable {
    /// What somebody is on.
    package struct Standing: Sendable, Hashable {
        package let planID: UUID
        package let status: Subscription.Status
        /// Whether it is paid for at Stripe.
        package let isLinked: Bool

        package init(planID: UUID, status: Subscription.Status, isLinked: Bool) {
            self.planID = planID
            self.status = status
            self.isLinked = isLinked
        }
    }

    /// So many went from one to the other.
    package struct Step: Sendable {
        /// `nil` if the subscription began with it.
        package let from: Standing?
        package let to: Standing
        package let count: Int64
    }

    /// The newest lines of the histories that are read: a bound on what a look costs.
    package static let latestChanges = 10_000

    package let steps: [Step]
    /// What is read begins here: where the caller wanted it, or later if there was more to read.
    package let since: Timestamp

    package static func read(
        since: Timestamp, in connection: any DatabaseConnection
    ) throws -> PlanMovement {
        // Ids are of version 7, so that the newest changes are one end of the primary key.
        let first = UUID.version7(at: since, randomness: 0)
        let newest = """
            SELECT id, subscription_id, plan_id, status, stripe_subscription_id, at
            FROM subscription_changes WHERE id >= ? AND status <> 'past_due'
            ORDER BY id DESC LIMIT \(latestChanges)
            """
        let rows = try connection.query(
            """
            SELECT p.plan_id, p.status, \(isLinked("p")), c.plan_id, c.status, \(isLinked("c")),
                count(*), min(c.at)
            FROM (\(newest)) c
            LEFT JOIN subscription_changes p ON p.id = (
                SELECT q.id FROM subscription_changes q
                WHERE q.subscription_id = c.subscription_id AND q.id < c.id
                    AND q.status <> 'past_due'
                ORDER BY q.id DESC LIMIT 1)
            GROUP BY 1, 2, 3, 4, 5, 6
            """, [.uuid(first)])
        var read: Int64 = 0
        var oldest: Timestamp?
        var steps: [Step] = []
        for row in rows {
            var reader = row.reader
            let plan = try reader.optionalUUID()
            let status = try reader.optionalText()
            let wasLinked = try reader.bool()
            let from = try plan.map { plan in
                guard let status = status.flatMap({ Subscription.Status(rawValue: $0) }) else {
                    throw DatabaseError.decoding("a status of a subscription's history")
                }
                return Standing(planID: plan, status: status, isLinked: wasLinked)
            }
            let to = try Standing(
                planID: reader.uuid(), status: reader.oneOf(Subscription.Status.self),
                isLinked: reader.bool())
            let count = try reader.integer()
            let at = try reader.time()
            oldest = oldest.map { min($0, at) } ?? at
            read += count
            if from != to { steps.append(Step(from: from, to: to, count: count)) }
        }
        let isAll = read < Int64(latestChanges)
        return PlanMovement(steps: steps, since: isAll ? since : oldest ?? since)
    }

    private static func isLinked(_ alias: String) -> String {
        "CASE WHEN \(alias).stripe_subscription_id IS NULL THEN 0 ELSE 1 END"
    }
}
