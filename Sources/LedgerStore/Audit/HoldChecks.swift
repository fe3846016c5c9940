import Database
import Ledger
import Values

/// What must be true of the steps of holds: each is of a log of its user, and no log was raised or
/// charged in parts by more than it ever held or was charged.
enum HoldChecks {
    static let all = [
        RowCheck("a step of a hold has no log of its user, or a value that is none") { _ in
            let kinds = HoldStep.Kind.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
            let amounts = ["credits", "credits_reserved", "credits_charged"]
                .map { "t.\($0) NOT BETWEEN 0 AND \(Credits.maximum.micros)" }
            let times = ["expires_at", "created_at"].map { AuditSQL.isNoTime("t.\($0)") }
            return """
                SELECT t.user_id, t.usage_id FROM career_usage_steps t
                LEFT JOIN career_usage_logs l ON l.id = t.usage_id AND l.user_id = t.user_id
                WHERE l.id IS NULL OR t.kind NOT IN (\(kinds)) OR t.created_at < l.created_at
                    OR length(t.name) NOT BETWEEN 1 AND 255 OR t.request = ''
                    OR t.credits_reserved > l.credits_reserved
                    OR t.credits_charged > \(UsageLogRow.charged("l"))
                    OR t.kind = 'capture' AND t.credits > t.credits_charged
                    OR t.kind = 'extend' AND t.credits > t.credits_reserved
                    OR \((amounts + times).joined(separator: " OR "))
                """
        },
        RowCheck("a hold was raised or charged in parts beyond what it held or was charged") { _ in
            func sum(_ kind: HoldStep.Kind) -> String {
                """
                sum(CASE WHEN t.kind = '\(kind.rawValue)'
                    THEN \(AuditSQL.credits("t.credits", Credits.maximum.micros)) ELSE 0 END)
                """
            }
            return """
                SELECT l.user_id, l.id FROM career_usage_logs l
                JOIN (SELECT t.usage_id, \(sum(.capture)) AS captured, \(sum(.extend)) AS raised
                    FROM career_usage_steps t GROUP BY t.usage_id) s ON s.usage_id = l.id
                WHERE s.captured > \(UsageLogRow.charged("l")) OR s.raised > l.credits_reserved
                    OR (l.status <> 'SUCCESS' OR l.credits_captured <> 0)
                        AND s.captured <> l.credits_captured
                """
        },
    ]
}
