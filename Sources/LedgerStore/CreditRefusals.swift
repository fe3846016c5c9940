import Database
import FoundationEssentials
import Synchronization
import Values

/// Who was refused a call for want of credits (write-behind buffer): a refusal is noted in memory
/// alone, so that metering waits for nothing, and written now and then. What a process that dies
/// has not written is not told.
public final class CreditRefusals: Sendable {
    /// Users who are noted at once; the refusals of others are not told.
    static let maximumUsers = 10_000

    struct Refusal: Sendable, Equatable {
        let featureKey: String
        let at: Timestamp
    }

    private let refusals = Mutex<[UUID: Refusal]>([:])

    public init() {}

    package func note(_ user: UUID, _ featureKey: String, at now: Timestamp) {
        refusals.withLock { refusals in
            guard refusals[user] != nil || refusals.count < Self.maximumUsers else { return }
            refusals[user] = Refusal(featureKey: featureKey, at: now)
        }
    }

    /// Writes what was noted since the last writing.
    ///
    /// - Throws: what the database throws; the next writing then tries again.
    package func write(to database: any Database) async throws {
        let noted = refusals.withLock { $0 }
        guard !noted.isEmpty else { return }
        try await database.write { connection in
            try Self.write(noted, in: connection)
        }
        refusals.withLock { refusals in
            for (user, refusal) in noted where refusals[user] == refusal { refusals[user] = nil }
        }
    }

    /// In the order of the users, so that two processes do not wait for each other in a circle.
    private static func write(
        _ noted: [UUID: Refusal], in connection: any DatabaseConnection
    ) throws {
        let inOrder = noted.sorted { $0.key.text < $1.key.text }
        try connection.executeMany(
            """
            INSERT INTO credit_refusals (subscription_id, plan_id, feature_key, refused_at)
            SELECT s.id, coalesce((
                SELECT c.plan_id FROM subscription_changes c
                WHERE c.subscription_id = s.id AND c.at <= ? ORDER BY c.id DESC LIMIT 1),
                s.plan_id), CAST(? AS TEXT), CAST(? AS BIGINT)
            FROM subscriptions s WHERE s.user_id = ?
            ON CONFLICT (subscription_id, plan_id) DO UPDATE SET
                feature_key = excluded.feature_key, refused_at = excluded.refused_at
            WHERE credit_refusals.refused_at < excluded.refused_at
            """,
            inOrder.map { user, refusal in
                [.time(refusal.at), .text(refusal.featureKey), .time(refusal.at), .uuid(user)]
            })
    }
}

/// The latest call that an account was refused for want of credits while on a plan.
package struct CreditRefusal: Sendable {
    package let planID: UUID
    package let featureKey: String
    package let at: Timestamp

    /// One for each plan that the account has been on at most, the oldest first.
    ///
    /// - Parameter account: the account, which is named as its user.
    package static func all(
        of account: UUID, in connection: any DatabaseConnection
    ) throws -> [CreditRefusal] {
        try connection.query(
            """
            SELECT r.plan_id, r.feature_key, r.refused_at
            FROM credit_refusals r JOIN subscriptions s ON s.id = r.subscription_id
            WHERE s.user_id = ? ORDER BY r.refused_at, r.plan_id
            """, [.uuid(account)]
        ).map { row in
            var reader = row.reader
            return try CreditRefusal(
                planID: reader.uuid(), featureKey: reader.text(), at: reader.time())
        }
    }
}

/// Who was refused for want of credits lately, and who went to another plan after it: bounded
/// questions.
package struct RefusalsSummary: Sendable {
    /// A refusal counts for a move that follows within so many seconds.
    package static let seconds: Int64 = 7 * 86_400

    /// A subscription that moved after a refusal.
    private struct Move {
        let featureKey: String
        let subscription: UUID
        let from: UUID
        let to: UUID
    }

    /// Subscriptions whose latest refusal on a plan was by a feature, by the feature's key; each
    /// counts once.
    package let refused: [String: Int64]
    private let moves: [Move]

    /// Those of ``refused`` that went to a higher plan within ``seconds``, by the feature's key;
    /// each counts once, however often it moved.
    ///
    /// - Parameter isHigher: whether the second plan is higher than the first.
    package func upgraded(_ isHigher: (UUID, UUID) -> Bool) -> [String: Int64] {
        let higher = moves.filter { isHigher($0.from, $0.to) }
        return Dictionary(grouping: higher, by: \.featureKey).mapValues {
            Int64(Set($0.map(\.subscription)).count)
        }
    }

    package static func read(
        since: Timestamp, in connection: any DatabaseConnection
    ) throws -> RefusalsSummary {
        var refused: [String: Int64] = [:]
        let rows = try connection.query(
            """
            SELECT feature_key, count(DISTINCT subscription_id) FROM (
                SELECT feature_key, subscription_id FROM credit_refusals WHERE refused_at >= ?
                ORDER BY refused_at DESC LIMIT \(PlanMovement.latestChanges)) latest
            GROUP BY feature_key
            """, [.time(since)])
        for row in rows {
            var reader = row.reader
            refused[try reader.text()] = try reader.integer()
        }
        return RefusalsSummary(
            refused: refused, moves: try moves(since: since, in: connection))
    }

    /// Among the newest changes; each with the plan that the subscription was on before it.
    private static func moves(
        since: Timestamp, in connection: any DatabaseConnection
    ) throws -> [Move] {
        try connection.query(
            """
            SELECT DISTINCT r.feature_key, c.subscription_id, r.plan_id, c.plan_id
            FROM (
                SELECT id, subscription_id, plan_id, at FROM subscription_changes
                WHERE id >= ? ORDER BY id DESC LIMIT \(PlanMovement.latestChanges)) c
            JOIN credit_refusals r ON r.subscription_id = c.subscription_id AND r.refused_at >= ?
                AND r.plan_id <> c.plan_id AND r.refused_at <= c.at
                AND r.refused_at >= c.at - \(seconds * 1_000_000)
            WHERE r.plan_id = (
                SELECT q.plan_id FROM subscription_changes q
                WHERE q.subscription_id = c.subscription_id AND q.id < c.id
                ORDER BY q.id DESC LIMIT 1)
            """, [.uuid(UUID.version7(at: since, randomness: 0)), .time(since)]
        ).map { row in
            var reader = row.reader
            return try Move(
                featureKey: reader.text(), subscription: reader.uuid(), from: reader.uuid(),
                to: reader.uuid())
        }
    }
}
