import Database
import FoundationEssentials
import Ledger
import Values

/// What must be true of a row of the ledger beside the sums: it is whose it says, its values are
/// some that the program writes, and it agrees with what refers to it. Each check selects the
/// offending rows: whose account (NULL where nobody's), and the id by which the row is named.
struct RowCheck: Sendable {
    let problem: String
    let select: @Sendable (SQLDialect) -> String

    init(_ problem: String, _ select: @escaping @Sendable (SQLDialect) -> String) {
        self.problem = problem
        self.select = select
    }

    /// What is asked of a product's rows.
    static func all(of product: Product) -> [RowCheck] {
        let common =
            orphans + accounts + subscriptions(of: product) + history + grants
            + HoldChecks.all + FamilyChecks.all + GrantChecks.all + LimitChecks.all
        let ofCareer = ofUsers + SaleChecks.all + PaidMonths.all
        return common
            + (product == .career ? ofCareer : KeyChecks.all + SaleChecks.packs(of: product))
            + SaleChecks.ofCodes
    }

    private static let orphans = [
        RowCheck("a subscription has no account") { _ in
            """
            SELECT s.user_id, s.id FROM subscriptions s
            LEFT JOIN career_subscription_contexts c ON c.subscription_id = s.id
            WHERE c.user_id IS NULL
            """
        },
        RowCheck("an account has no subscription of its user") { _ in
            """
            SELECT c.user_id, c.user_id FROM career_subscription_contexts c
            LEFT JOIN subscriptions s ON s.id = c.subscription_id AND s.user_id = c.user_id
            WHERE s.id IS NULL
            """
        },
        RowCheck("a line of the history has no subscription") { _ in
            """
            SELECT NULL, h.id FROM subscription_changes h
            LEFT JOIN subscriptions s ON s.id = h.subscription_id WHERE s.id IS NULL
            """
        },
    ]

    private static let ofUsers = [
        RowCheck("an account has no user") { _ in
            """
            SELECT c.user_id, c.user_id FROM career_subscription_contexts c
            LEFT JOIN users u ON u.id = c.user_id WHERE u.id IS NULL
            """
        },
        RowCheck("a subscription has no user") { _ in
            """
            SELECT s.user_id, s.id FROM subscriptions s LEFT JOIN users u ON u.id = s.user_id
            WHERE u.id IS NULL
            """
        },
        RowCheck("an account stands otherwise than its user") { _ in
            """
            SELECT c.user_id, c.user_id FROM career_subscription_contexts c
            JOIN users u ON u.id = c.user_id
            WHERE c.standing <> CASE u.is_active WHEN 1 THEN 'active' ELSE 'deactivated' END
            """
        },
    ]

    private static let accounts = [
        RowCheck("an account has a number that is none of its column") { _ in
            let times = [
                "period_start", "period_end", "period_anchor", "earliest_expiry", "decided_at",
            ]
            .map { AuditSQL.isNoTime("c.\($0)") }
            let windows = ["minute_started_at", "day_started_at"]
                .map { AuditSQL.isNoTime("c.\($0)") }
            let credits = [
                "credits_allocated", "credits_used", "credits_reserved", "credits_owed",
                "former_credits_left",
            ]
            .map { "c.\($0) NOT BETWEEN 0 AND \(Credits.range.upperBound)" }
            let counts = ["minute_count", "day_count", "open_grants"].map { "c.\($0) < 0" }
            let all = times + windows + credits + counts + ["c.period_number < 1"]
            return """
                SELECT c.user_id, c.user_id FROM career_subscription_contexts c
                WHERE \(all.joined(separator: " OR "))
                """
        },
        RowCheck("a rate window is none of UTC's, or later than the last decision") { _ in
            """
            SELECT c.user_id, c.user_id FROM career_subscription_contexts c
            WHERE c.minute_started_at % 60000000 <> 0 OR c.day_started_at % 86400000000 <> 0
                OR c.minute_started_at > c.decided_at OR c.day_started_at > c.decided_at
            """
        },
        RowCheck("something is held that lapses before earliest_expiry") { _ in
            """
            SELECT c.user_id, c.user_id FROM career_subscription_contexts c
            WHERE EXISTS (SELECT 1 FROM career_usage_logs l
                WHERE l.user_id = c.user_id AND l.status = 'PENDING'
                    AND l.commit_accepted_at IS NULL
                    AND (c.earliest_expiry IS NULL OR l.expires_at < c.earliest_expiry))
            """
        },
        RowCheck("an account has not the plan and status of its subscription") { _ in
            """
            SELECT c.user_id, c.user_id FROM career_subscription_contexts c
            JOIN subscriptions s ON s.id = c.subscription_id
            WHERE c.plan_id <> s.plan_id OR c.subscription_status <> s.status
            """
        },
        RowCheck("a period has no time or is of a plan of another kind") { _ in
            """
            SELECT c.user_id, c.user_id FROM career_subscription_contexts c
            LEFT JOIN plans p ON p.id = c.period_plan_id
            WHERE c.period_start >= c.period_end OR p.id IS NULL OR c.period_source <> p.type
            """
        },
    ]

    private static func subscriptions(of product: Product) -> [RowCheck] {
        [marks(of: product)] + subscriptions
    }

    /// A team's account outlives its paid plan, and is there before the first one.
    private static func marks(of product: Product) -> RowCheck {
        let ended = product.sellsSeats ? "s.status IN ('incomplete', 'canceled')" : "1 = 0"
        return RowCheck("a subscription has ids, a plan and marks that do not go together") { _ in
            """
            SELECT s.user_id, s.id FROM subscriptions s JOIN plans p ON p.id = s.plan_id
            WHERE p.type = 'paid' AND s.stripe_subscription_id IS NULL AND NOT (\(ended))
                OR s.stripe_subscription_id IS NOT NULL AND s.stripe_customer_id IS NULL
                OR s.stripe_subscription_id IS NULL AND s.cancel_at_period_end <> 0
                OR (s.cancel_at IS NOT NULL) <> (s.cancel_at_period_end <> 0)
                OR (s.scheduled_at IS NOT NULL) <> (s.scheduled_plan_id IS NOT NULL)
                OR s.stripe_subscription_id IS NULL AND s.scheduled_at IS NOT NULL
                OR s.scheduled_plan_id = s.plan_id
                OR s.stripe_subscription_id IS NULL AND s.status <> 'active' AND NOT (\(ended))
                OR s.trial_end IS NOT NULL AND s.trial_used = 0
            """
        }
    }

    private static let subscriptions = [
        RowCheck("a subscription has a value that is none of its column") { _ in
            let times = [
                "canceled_at", "trial_end", "cancel_at", "scheduled_at", "created_at",
                "updated_at",
            ].map { AuditSQL.isNoTime("s.\($0)") }
            return """
                SELECT s.user_id, s.id FROM subscriptions s
                LEFT JOIN plans p ON p.id = s.plan_id
                WHERE p.id IS NULL OR s.status NOT IN (\(statuses))
                    OR s.cancel_at_period_end NOT IN (0, 1) OR s.trial_used NOT IN (0, 1)
                    OR \(times.joined(separator: " OR "))
                """
        },
        // Lines that are older than their columns of Stripe's ids tell none.
        RowCheck("a subscription is not what the last line of its history says") { _ in
            """
            SELECT s.user_id, s.id FROM subscriptions s WHERE NOT EXISTS (
                SELECT 1 FROM subscription_changes h JOIN plans p ON p.id = h.plan_id
                WHERE h.subscription_id = s.id AND h.plan_id = s.plan_id AND h.status = s.status
                    AND h.at = (SELECT max(n.at) FROM subscription_changes n
                        WHERE n.subscription_id = s.id)
                    AND (h.stripe_customer_id = s.stripe_customer_id
                            OR h.stripe_customer_id IS NULL AND s.stripe_customer_id IS NULL
                        OR h.stripe_customer_id IS NULL AND h.stripe_subscription_id IS NULL
                            AND NOT (h.event = 'activated' AND p.type = 'free'))
                    AND (h.stripe_subscription_id = s.stripe_subscription_id
                            OR h.stripe_subscription_id IS NULL
                                AND s.stripe_subscription_id IS NULL
                        OR h.stripe_customer_id IS NULL AND h.stripe_subscription_id IS NULL
                            AND NOT (h.event = 'activated' AND p.type = 'free')))
            """
        },
        RowCheck("a subscription was made or changed at no time of its history") { _ in
            """
            SELECT s.user_id, s.id FROM subscriptions s
            WHERE NOT EXISTS (SELECT 1 FROM subscription_changes h
                    WHERE h.subscription_id = s.id AND h.at = s.updated_at)
                OR s.created_at <> (SELECT min(h.at) FROM subscription_changes h
                    WHERE h.subscription_id = s.id)
                    AND NOT EXISTS (SELECT 1 FROM subscription_changes h
                        WHERE h.subscription_id = s.id AND h.event = '\(ResetClock.event)')
            """
        },
    ]

    private static let history = [
        RowCheck("a line of the history has a value that is none of its column") { sql in
            """
            SELECT s.user_id, h.id FROM subscription_changes h
            JOIN subscriptions s ON s.id = h.subscription_id
            LEFT JOIN plans p ON p.id = h.plan_id
            WHERE p.id IS NULL OR h.status NOT IN (\(statuses)) OR h.event = ''
                OR \(AuditSQL.isNoTime("h.at")) OR \(AuditSQL.isNotOf("h.id", "h.at", sql))
                OR h.event = '\(ResetClock.event)' AND h.reason IS NULL
            """
        }
    ]

    private static let grants = [
        RowCheck(
            "a grant is of no known kind, of a sign that its kind has not, or lacks its reason"
        ) {
            _ in
            """
            SELECT g.user_id, g.user_id FROM credit_grants g
            WHERE g.kind NOT IN (\(kinds)) OR \(AuditSQL.isNoTime("g.created_at")) OR g.cause = ''
                OR g.credits NOT BETWEEN -\(Credits.maximum.micros) AND \(Credits.maximum.micros)
                OR g.kind IN ('plan', 'upgrade') AND g.credits < 0
                OR g.kind = 'forfeiture' AND g.credits >= 0
                OR (g.kind = 'adjustment') <> (g.reason IS NOT NULL)
            """
        }
    ]

    private static let statuses = list(Subscription.Status.allCases.map(\.rawValue))
    private static let kinds = list(CreditGrant.Kind.allCases.map(\.rawValue))

    private static func list(_ words: [String]) -> String {
        words.map { "'\($0)'" }.joined(separator: ", ")
    }
}
