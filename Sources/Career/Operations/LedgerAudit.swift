import CareerDomain
import Database
import FoundationEssentials

/// Checks the ledger's four invariants over the whole database. It judges stored rows only and
/// knows no clock, so it may run beside a live server: everything is read from one snapshot.
public struct LedgerAudit: Sendable {
    public struct Finding: Sendable, CustomStringConvertible {
        /// The invariant's number in the design: 1 to 4.
        public let invariant: Int
        public let row: String
        public let problem: String

        public var description: String { "invariant \(invariant): \(row): \(problem)" }
    }

    public struct Report: Sendable {
        public let accounts: Int64
        public let logs: Int64
        public let findings: [Finding]
    }

    /// Offending rows that are named for one check; more would tell nothing new.
    static let maximumFindings = 100

    private let database: any Database

    public init(database: any Database) {
        self.database = database
    }

    public func run() async throws -> Report {
        try await database.read { connection in
            try connection.liftTimeLimits()
            var findings: [Finding] = []
            for check in LedgerAudit.checks {
                let sql = check.sql + " LIMIT \(LedgerAudit.maximumFindings)"
                for row in try connection.query(sql) {
                    findings.append(try check.finding(row))
                }
            }
            return Report(
                accounts: try LedgerAudit.count("career_subscription_contexts", connection),
                logs: try LedgerAudit.count("career_usage_logs", connection),
                findings: findings)
        }
    }

    private static func count(
        _ table: String, _ connection: any DatabaseConnection
    ) throws -> Int64 {
        var reader = try connection.query("SELECT count(*) FROM \(table)")[0].reader
        return try reader.integer()
    }

    /// A query whose rows are offences: an id (or two), what was found, what was expected.
    private struct Check: Sendable {
        let invariant: Int
        let problem: String
        let sql: String

        func finding(_ row: Row) throws -> Finding {
            var reader = row.reader
            let id = try reader.uuid()
            let found = try reader.optionalInteger()
            let expected = try reader.optionalInteger()
            func text(_ value: Int64?) -> String { value.map(String.init) ?? "none" }
            return Finding(
                invariant: invariant, row: id.text,
                problem: "\(problem) (found \(text(found)), expected \(text(expected)))")
        }
    }

    private static let checks = [
        Check(
            invariant: 1, problem: "credits_used is not the sum of the period's charges",
            sql: sum("credits_used", of: "credits_charged", status: "SUCCESS")),
        Check(
            invariant: 1, problem: "credits_reserved is not the sum of the period's reservations",
            sql: sum("credits_reserved", of: "credits_reserved", status: "PENDING")),
        Check(
            invariant: 1, problem: "a log belongs to a period that has not begun",
            sql: """
                SELECT l.id, l.period_number, c.period_number FROM career_usage_logs l
                JOIN career_subscription_contexts c ON c.user_id = l.user_id
                WHERE l.period_number > c.period_number
                """),
        Check(
            invariant: 2, problem: "credits_allocated is not the sum of the period's grants",
            sql: """
                SELECT c.user_id, c.credits_allocated, CAST(coalesce(g.total, 0) AS BIGINT)
                FROM career_subscription_contexts c
                LEFT JOIN (SELECT user_id, period_number, sum(credits) AS total
                    FROM credit_grants GROUP BY user_id, period_number) g
                    ON g.user_id = c.user_id AND g.period_number = c.period_number
                WHERE c.credits_allocated <> coalesce(g.total, 0)
                """),
        Check(
            invariant: 2, problem: "more is used and reserved than was ever granted",
            sql: """
                SELECT c.user_id, c.credits_used + c.credits_reserved,
                    CAST(coalesce(g.total, 0) AS BIGINT)
                FROM career_subscription_contexts c
                LEFT JOIN (SELECT user_id, period_number, sum(credits) AS total
                    FROM credit_grants WHERE credits > 0 GROUP BY user_id, period_number) g
                    ON g.user_id = c.user_id AND g.period_number = c.period_number
                WHERE c.credits_used + c.credits_reserved > coalesce(g.total, 0)
                """),
        Check(
            invariant: 3, problem: "a log is charged otherwise than it was reserved",
            sql: """
                SELECT id, credits_charged, credits_reserved FROM career_usage_logs
                WHERE (status = 'SUCCESS') <> (credits_charged IS NOT NULL)
                    OR credits_charged <> credits_reserved
                """),
        Check(
            invariant: 3, problem: "a log was settled before it was made",
            sql: """
                SELECT id, committed_at, created_at FROM career_usage_logs
                WHERE committed_at < created_at
                    OR (status IN ('SUCCESS', 'FAILED')) <> (committed_at IS NOT NULL)
                """),
        Check(
            invariant: 4, problem: "a period was granted the same twice",
            sql: """
                SELECT user_id, count(*), 1 FROM credit_grants
                GROUP BY user_id, period_number, kind, cause HAVING count(*) > 1
                """),
    ]

    private static func sum(_ counter: String, of column: String, status: String) -> String {
        """
        SELECT c.user_id, c.\(counter), CAST(coalesce(l.total, 0) AS BIGINT)
        FROM career_subscription_contexts c
        LEFT JOIN (SELECT user_id, period_number, sum(\(column)) AS total
            FROM career_usage_logs WHERE status = '\(status)'
            GROUP BY user_id, period_number) l
            ON l.user_id = c.user_id AND l.period_number = c.period_number
        WHERE c.\(counter) <> coalesce(l.total, 0)
        """
    }
}
