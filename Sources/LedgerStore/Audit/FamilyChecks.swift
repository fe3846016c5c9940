import Database
import Ledger
import Values

/// What must be true of families of holds: a call's parent is an older call of its user, and what a
/// call has lent is what its children took out of its hold.
enum FamilyChecks {
    static let all = [
        RowCheck("a call has a parent that is none, is another user's or is younger") { _ in
            """
            SELECT l.user_id, l.id FROM career_usage_logs l
            LEFT JOIN career_usage_logs p ON p.id = l.parent_usage_id
            LEFT JOIN career_subscription_contexts c ON c.user_id = l.user_id
            WHERE l.parent_usage_id IS NOT NULL AND (p.id IS NULL OR p.id = l.id
                OR p.parent_usage_id = l.id
                OR p.user_id <> l.user_id
                OR p.created_at > l.created_at AND \(AuditSQL.neverReset))
            """
        },
        // What a child gives back after its parent's end goes to the grants.
        RowCheck("a call has lent otherwise than its children took out of its hold") { _ in
            """
            SELECT p.user_id, p.id FROM career_usage_logs p
            LEFT JOIN career_subscription_contexts c ON c.user_id = p.user_id
            LEFT JOIN (SELECT l.parent_usage_id AS id,
                    sum(\(AuditSQL.credits(taken, most))) AS credits,
                    sum(\(AuditSQL.credits("l.credits_reserved", most))) AS most,
                    sum(\(AuditSQL.credits(atLeast, most))) AS at_least,
                    sum(\(AuditSQL.credits(atMost, most))) AS at_most
                FROM career_usage_logs l JOIN career_usage_logs q ON q.id = l.parent_usage_id
                GROUP BY l.parent_usage_id) s ON s.id = p.id
            WHERE (s.id IS NOT NULL OR p.credits_lent <> 0)
                AND (p.status <> 'PENDING' AND (p.credits_lent NOT BETWEEN coalesce(s.credits, 0)
                            AND coalesce(s.most, 0)
                        OR p.status <> 'EXPIRED' AND p.is_late = 0
                            AND p.credits_lent NOT BETWEEN coalesce(s.at_least, 0)
                                AND coalesce(s.at_most, 0) AND \(AuditSQL.neverReset))
                    OR p.credits_lent <> coalesce(s.credits, 0) AND p.status = 'PENDING')
            """
        },
    ]

    private static let most = Credits.maximum.micros

    /// All that a running call ever held, and what one that has ended was charged and has lent.
    private static let taken = """
        (CASE WHEN l.status = 'PENDING' THEN l.credits_reserved ELSE \(kept) END)
        """

    private static let kept = "\(UsageLogRow.charged("l")) + l.credits_lent"

    /// What a child, `l`, had taken for good when its parent, `q`, was committed: all that it held
    /// if it ran on. Of two that ended at one instant either may have been first. What has lapsed
    /// ended no earlier than that, and later if a commit of it was accepted and withdrawn.
    private static let atLeast = """
        (CASE WHEN l.status = 'PENDING' OR q.committed_at <
                CASE WHEN l.status = 'EXPIRED' OR l.is_late = 1 THEN l.expires_at
                    ELSE l.committed_at END
            THEN l.credits_reserved ELSE \(kept) END)
        """

    private static let atMost = """
        (CASE WHEN l.status IN ('SUCCESS', 'FAILED') AND l.is_late = 0
                AND l.committed_at < q.committed_at
            THEN \(kept) ELSE l.credits_reserved END)
        """
}
