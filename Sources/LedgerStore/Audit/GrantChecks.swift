import Database
import Ledger
import Values

/// What must be true of the grants beside the pool: each is conserved and is drawn on by calls of
/// its account alone, and an account knows how many of its are open.
enum GrantChecks {
    static let all = [
        RowCheck("a grant is not conserved, or has a value that is none of its column") { sql in
            """
            SELECT g.account_id, g.id FROM standalone_grants g
            LEFT JOIN career_subscription_contexts c ON c.user_id = g.account_id
            WHERE c.user_id IS NULL OR \(unreadable)
                OR \(AuditSQL.isNotOf("g.id", "g.created_at", sql))
                OR g.source NOT IN (\(sources)) OR g.cause = ''
                OR g.priority NOT BETWEEN \(StandaloneGrant.priorities.lowerBound)
                    AND \(StandaloneGrant.priorities.upperBound)
                OR g.is_paid NOT IN (0, 1) OR g.is_frozen NOT IN (0, 1)
                OR g.amount <> g.remaining + g.held + g.captured + g.expired + g.taken_back
                OR g.taken_back > g.take_back_total OR g.take_back_total > g.amount
                OR g.remaining > 0 AND g.taken_back < g.take_back_total
            """
        },
        RowCheck("a grant is held or was captured otherwise than calls draw on it") { _ in
            """
            SELECT g.account_id, g.id FROM standalone_grants g
            LEFT JOIN (SELECT d.account_id, d.grant_id, \(sum("held")) AS held,
                    \(sum("captured")) AS captured
                FROM usage_draws d WHERE d.grant_id IS NOT NULL
                GROUP BY d.account_id, d.grant_id) s
                ON s.grant_id = g.id AND s.account_id = g.account_id
            WHERE g.held <> coalesce(s.held, 0) OR g.captured <> coalesce(s.captured, 0)
            """
        },
        RowCheck("a draw is of no call, or on no grant, of its account, or has no value") { _ in
            """
            SELECT d.account_id, d.usage_id FROM usage_draws d
            LEFT JOIN career_usage_logs l ON l.id = d.usage_id AND l.user_id = d.account_id
            LEFT JOIN career_subscription_contexts c ON c.user_id = d.account_id
            LEFT JOIN standalone_grants g ON g.id = d.grant_id AND g.account_id = d.account_id
            WHERE l.id IS NULL OR l.has_draws <> 1
                OR (d.grant_id IS NULL) = (d.period_number IS NULL)
                OR d.grant_id IS NOT NULL AND g.id IS NULL
                OR d.period_number NOT BETWEEN 1 AND c.period_number
                OR d.period_number < l.period_number AND l.parent_usage_id IS NULL
                OR d.held NOT BETWEEN 0 AND \(most) OR d.captured NOT BETWEEN 0 AND \(most)
                OR d.position < 0 OR d.position >= (SELECT count(*) FROM usage_draws o
                    WHERE o.account_id = d.account_id AND o.usage_id = d.usage_id)
            """
        },
        RowCheck("a rollover is not what its period forfeited, or another grant may grow") { _ in
            """
            SELECT g.account_id, g.id FROM standalone_grants g
            WHERE g.source = 'rollover' AND g.amount <> (
                    SELECT coalesce(-sum(\(AuditSQL.credits("f.credits", most))), 0)
                    FROM credit_grants f WHERE f.user_id = g.account_id AND f.kind = 'forfeiture'
                        AND g.cause = 'rollover ' || f.period_number)
                OR g.source <> 'rollover' AND g.room <> 0
            """
        },
        // What was bought by a pack is judged by its purchase.
        RowCheck("a grant counts as bought that was not, or a rollover otherwise than its period") {
            _ in
            """
            SELECT g.account_id, g.id FROM standalone_grants g
            LEFT JOIN credit_grants f ON f.user_id = g.account_id AND f.kind = 'plan'
                AND g.source = 'rollover' AND g.cause = 'rollover ' || f.period_number
            WHERE g.source = 'rollover' AND (f.user_id IS NULL
                    OR (g.is_paid = 1) <> (f.cause <> 'free_month'))
                OR g.source NOT IN ('rollover', 'top_up') AND g.is_paid <> 0
            """
        },
        RowCheck("a period forfeited what is in no rollover") { _ in
            """
            SELECT f.user_id, f.user_id FROM credit_grants f
            LEFT JOIN standalone_grants g ON g.account_id = f.user_id AND g.source = 'rollover'
                AND g.cause = 'rollover ' || f.period_number
            WHERE f.kind = 'forfeiture' AND g.id IS NULL
            """
        },
        RowCheck("an account does not know how many of its grants are open") { _ in
            """
            SELECT c.user_id, c.user_id FROM career_subscription_contexts c
            WHERE c.open_grants <> (SELECT count(*) FROM standalone_grants g
                WHERE g.account_id = c.user_id AND (g.remaining > 0 OR g.held > 0))
            """
        },
    ]

    private static let most = Credits.maximum.micros

    private static let unreadable: String = {
        let amounts = [
            "remaining", "held", "captured", "expired", "taken_back", "take_back_total", "room",
        ].map { "g.\($0) NOT BETWEEN 0 AND \(most)" }
        let times = ["effective_at", "expires_at", "created_at"]
            .map { AuditSQL.isNoTime("g.\($0)") }
        return (["g.amount NOT BETWEEN 1 AND \(most)"] + amounts + times)
            .joined(separator: " OR ")
    }()

    private static let sources = StandaloneGrant.Source.allCases.map { "'\($0.rawValue)'" }
        .joined(separator: ", ")

    private static func sum(_ column: String) -> String {
        "sum(\(AuditSQL.credits("d.\(column)", most)))"
    }
}
