import Database
import Ledger
import Values

/// The statement of the walk: each table's columns beside each other, summed by account and period.
enum PeriodSQL {
    /// The columns of the answer in their order, and how each comes of the walk's.
    static let columns: [(name: String, expression: String)] = {
        let own = (summed + smallest + largest).map { (name: $0, expression: "g.\($0)") }
        return own + overAccount
    }()

    /// What is told of all periods of an account.
    private static let overAccount: [(name: String, expression: String)] = [
        ("account_period", "max(g.accounts * g.period_number) OVER u"),
        ("all_plan_grants", "sum(g.plan_grants) OVER u"),
        ("since_minute", "sum(g.minute_since) OVER u"),
        ("beyond_minute", "sum(g.minute_beyond) OVER u"),
        ("since_day", "sum(g.day_since) OVER u"),
        ("beyond_day", "sum(g.day_beyond) OVER u"),
        ("newest", "max(g.latest) OVER u"),
        ("newest_end", "max(g.ended) OVER u"),
        ("resets", "sum(g.reset_lines) OVER u"),
        ("next_plan_at", "lead(g.plan_at) OVER (PARTITION BY g.user_id ORDER BY g.period_number)"),
    ]

    private static let summed = [
        "accounts", "logs", "used", "charged", "reserved", "held", "allocated", "granted", "gained",
        "forfeited", "grants", "plan_grants", "free_months", "is_free", "minute_count", "day_count",
        "minute_since", "minute_beyond", "day_since", "day_beyond", "reset_lines",
    ]
    private static let smallest = ["first_log", "first_grant"]
    private static let largest = [
        "last_log", "last_grant", "plan_at", "decided_at", "latest", "ended",
    ]

    /// Only what may disagree comes back; the last word is ``PeriodSums``'s.
    static func select(_ sql: SQLDialect, of product: Product) -> String {
        let offences = LogOffence.allCases.map { "offence_\($0)" }
        let sums = (summed + offences).map { "sum(m.\($0)) AS \($0)" }
        let bounds =
            smallest.map { "min(m.\($0)) AS \($0)" } + largest.map { "max(m.\($0)) AS \($0)" }
        let answer =
            columns.map { "CAST(\($0.expression) AS BIGINT) AS a_\($0.name)" }
            + LogOffence.allCases.map { kind in
                kind == .strayed
                    ? """
                    CAST(CASE WHEN max(g.accounts * g.period_number) OVER u < g.period_number
                        THEN g.logs ELSE 0 END AS BIGINT) AS a_offence_\(kind)
                    """ : "CAST(g.offence_\(kind) AS BIGINT) AS a_offence_\(kind)"
            }
        let branches = [
            accounts, grants, history, steps, standaloneGrants, draws, logs(sql, of: product),
        ].map { branch in
            let parts =
                (summed + offences).map { "\(branch.values[$0] ?? "0") AS \($0)" }
                + (smallest + largest).map {
                    "\(branch.values[$0] ?? "CAST(NULL AS BIGINT)") AS \($0)"
                }
            return """
                SELECT \(branch.key), \(parts.joined(separator: ", ")) FROM \(branch.from)
                """
        }
        return """
            SELECT * FROM (
                SELECT g.user_id, g.period_number, \(answer.joined(separator: ", "))
                FROM (
                    SELECT m.user_id, m.period_number,
                        \((sums + bounds).joined(separator: ", "))
                    FROM (\(branches.joined(separator: " UNION ALL "))) m
                    GROUP BY m.user_id, m.period_number
                ) g
                WINDOW u AS (PARTITION BY g.user_id)
            ) a
            WHERE \(suspicion) ORDER BY a.user_id, a.period_number
            """
    }

    /// What ``PeriodSums`` could object to.
    private static let suspicion: String = {
        let offences = LogOffence.allCases.map { "a_offence_\($0) > 0" }
        return
            (offences + [
                "a_account_period = 0", "a.period_number < 1", "a.period_number > a_account_period",
                "a_plan_grants <> 1", "a_charged + a_held + a_forfeited > a_gained",
                """
                a_accounts > 0 AND (a_used <> a_charged OR a_reserved <> a_held
                    OR a_allocated <> a_granted OR a_used + a_reserved > a_gained
                    OR a_all_plan_grants <> a.period_number OR a_is_free <> a_free_months
                    OR a_decided_at < a_newest
                    OR a_decided_at > a_newest
                        AND a_decided_at > coalesce(a_newest_end, a_newest)
                    OR a_minute_count <> a_since_minute OR a_day_count <> a_since_day)
                """,
                "a_plan_at > a_next_plan_at", "a_first_log < a_plan_at",
                "a_first_grant < a_plan_at",
                "a_last_log > a_next_plan_at", "a_last_grant > a_next_plan_at",
            ]).joined(separator: " OR ")
    }()

    private typealias Branch = (key: String, values: [String: String], from: String)

    private static let accounts: Branch = (
        "c.user_id, c.period_number",
        [
            "accounts": "1", "used": AuditSQL.credits("c.credits_used"),
            "reserved": AuditSQL.credits("c.credits_reserved"),
            "allocated": AuditSQL.credits("c.credits_allocated"),
            "is_free": "CASE WHEN c.period_source = 'free' THEN 1 ELSE 0 END",
            "minute_count": "c.minute_count", "day_count": "c.day_count",
            "decided_at": "c.decided_at",
        ],
        "career_subscription_contexts c"
    )

    private static let isGiven = "g.kind NOT IN ('revocation', 'forfeiture')"

    private static let grants: Branch = (
        "g.user_id, g.period_number",
        [
            "granted": AuditSQL.credits("g.credits", Credits.maximum.micros),
            "gained": """
            CASE WHEN g.credits BETWEEN 1 AND \(Credits.maximum.micros) THEN g.credits
                ELSE 0 END
            """,
            "forfeited": """
            CASE WHEN g.kind = 'forfeiture' AND g.credits BETWEEN \(-Credits.maximum.micros) AND 0
                THEN -g.credits ELSE 0 END
            """,
            "grants": "1", "plan_grants": "CASE WHEN g.kind = 'plan' THEN 1 ELSE 0 END",
            "free_months": """
            CASE WHEN g.kind = 'plan' AND g.cause = 'free_month' THEN 1 ELSE 0 END
            """,
            "plan_at": "CASE WHEN g.kind = 'plan' THEN g.created_at END",
            // What an earlier period was granted may be taken back later, or given back to it.
            "first_grant": "CASE WHEN \(isGiven) THEN g.created_at END",
            "last_grant": "CASE WHEN \(isGiven) THEN g.created_at END",
            "latest": "g.created_at",
        ],
        "credit_grants g"
    )

    private static let history: Branch = (
        "c.user_id, c.period_number",
        [
            "reset_lines": "CASE WHEN h.event = '\(ResetClock.event)' THEN 1 ELSE 0 END",
            "latest": "h.at",
        ],
        """
        subscription_changes h
        JOIN career_subscription_contexts c ON c.subscription_id = h.subscription_id
        """
    )

    private static let steps: Branch = (
        "l.user_id, l.period_number", ["latest": "t.created_at"],
        "career_usage_steps t JOIN career_usage_logs l ON l.id = t.usage_id"
    )

    private static let standaloneGrants: Branch = (
        "c.user_id, c.period_number",
        [
            "latest": "g.created_at",
            // The account has decided until then, once a grant's end was written down; earlier
            // versions wrote it down without that.
            "ended": "CASE WHEN g.expired > 0 THEN g.expires_at END",
        ],
        """
        standalone_grants g JOIN career_subscription_contexts c ON c.user_id = g.account_id
        """
    )

    /// What calls with draws take of a pool; those without are told by their logs.
    private static let draws: Branch = (
        "d.account_id, d.period_number",
        [
            "charged": AuditSQL.credits("d.captured", Credits.maximum.micros),
            "held": AuditSQL.credits("d.held", Credits.maximum.micros),
        ],
        "usage_draws d WHERE d.period_number IS NOT NULL"
    )

    private static func logs(_ sql: SQLDialect, of product: Product) -> Branch {
        // Calls with test keys have windows of their own.
        let isCounted = product == .api ? "AND l.is_test = 0" : ""
        let created = "(\(AuditSQL.time("l.created_at")))"
        let charged = """
            CASE WHEN l.has_draws = 1 THEN 0 WHEN l.status = 'SUCCESS' THEN l.credits_charged
                ELSE l.credits_captured END
            """
        let charge = AuditSQL.credits("(\(charged))", Credits.maximum.micros)
        func since(_ column: String, _ micros: Int64) -> String {
            "CASE WHEN \(created) - \(micros) >= c.\(column) \(isCounted) THEN 1 ELSE 0 END"
        }
        var values = [
            "logs": "1", "charged": charge,
            "held": """
            CASE WHEN l.status = 'PENDING' AND l.has_draws <> 1
                THEN \(AuditSQL.held("l")) ELSE 0 END
            """,
            "minute_since": since("minute_started_at", 0),
            "minute_beyond": since("minute_started_at", 60_000_000),
            "day_since": since("day_started_at", 0),
            "day_beyond": since("day_started_at", 86_400_000_000),
            "first_log": "l.created_at", "last_log": "l.created_at",
            "latest": """
            CASE WHEN l.status = 'EXPIRED' AND l.expires_at > l.created_at THEN l.expires_at
                WHEN l.committed_at > l.created_at THEN l.committed_at
                ELSE l.created_at END
            """,
        ]
        for kind in LogOffence.allCases where kind != .strayed {
            values["offence_\(kind)"] = "CASE WHEN \(kind.condition(sql)) THEN 1 ELSE 0 END"
        }
        return (
            "l.user_id, l.period_number", values,
            """
            career_usage_logs l
            LEFT JOIN career_subscription_contexts c ON c.user_id = l.user_id
            """
        )
    }
}
