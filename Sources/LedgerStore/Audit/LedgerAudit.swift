import Database
import FoundationEssentials
import Ledger
import Values

/// Checks the ledger's invariants over the whole database, those of every period. It judges stored
/// rows only and knows no clock, so it may run beside a live server: everything is read from one
/// snapshot.
///
/// The logs are walked once. The engine sums them by account and period and hands over only what
/// does not agree, so memory does not grow with the number of logs. What is wrong with single rows
/// is a table of checks: ``LogOffence`` and ``RowCheck``.
public struct LedgerAudit: Sendable {
    public struct Finding: Sendable, CustomStringConvertible {
        /// The invariant's number in docs/reference/rules.md: 1 to 5.
        public let invariant: Int
        public let row: String
        public let problem: String

        public var description: String { "invariant \(invariant): \(row): \(problem)" }
    }

    public struct Report: Sendable {
        public let accounts: Int64
        public let logs: Int64
        /// How many offences there are.
        public let found: Int64
        /// The first of them, at most ``LedgerAudit/maximumFindings``.
        public let findings: [Finding]
    }

    /// Offences that are named; more would tell nothing new.
    public static let maximumFindings = 100

    private let database: any Database

    public init(database: any Database) {
        self.database = database
    }

    /// - Parameter progress: is told how many of the checks are done; one of them, the walk over
    ///   all logs, takes most of the time.
    public func run(progress: WorkProgress.Listener? = nil) async throws -> Report {
        try await database.read { connection in
            try connection.liftLimits()
            var offences = Offences()
            var done: Int64 = 0
            func isDone() {
                done += 1
                progress?(WorkProgress(done, of: Self.checks, .checks))
            }
            var (accounts, logs) = (Int64(0), Int64(0))
            for product in Product.allCases {
                let tables = ProductConnection(connection, of: .of(product))
                try LedgerAudit.judge(product, in: tables, &offences, isDone)
                accounts += try LedgerAudit.count("career_subscription_contexts", tables)
                logs += try LedgerAudit.count("career_usage_logs", tables)
            }
            return Report(
                accounts: accounts, logs: logs, found: offences.found,
                findings: offences.findings)
        }
    }

    /// Those of ``run(progress:)``, of each product: repetitions, the walk, debts, rows, free
    /// months, limits and sales.
    private static let checks = Product.allCases.reduce(Int64(0)) { sum, product in
        sum + Int64(Repetition.all(of: product).count + RowCheck.all(of: product).count + 5)
    }

    /// - Parameter connection: on which the product's tables have the names of Career's.
    private static func judge(
        _ product: Product, in connection: ProductConnection, _ offences: inout Offences,
        _ isDone: () -> Void
    ) throws {
        try findRepeated(of: product, in: connection, &offences, isDone)
        try PeriodAudit.run(of: product, in: connection, &offences)
        isDone()
        try connection.forEachRow(wrongDebts, []) { row in
            var reader = row.reader
            let user = try reader.uuid()
            offences.add(
                2, user, of: user,
                "credits_owed is not the sum of its debt lines "
                    + "(found \(try reader.integer()), expected \(try reader.integer()))",
                unlessNamed: true)
        }
        isDone()
        for check in RowCheck.all(of: product) {
            try connection.forEachRow(check.select(connection.dialect), []) { row in
                var reader = row.reader
                let user = try reader.optionalUUID()
                offences.add(
                    5, try reader.uuid(), of: user, check.problem, unlessNamed: true)
            }
            isDone()
        }
        try FreeMonths.check(in: connection, &offences)
        isDone()
        try LimitChecks.run(in: connection, &offences)
        isDone()
        try SaleChecks.run(of: product, in: connection, &offences)
        isDone()
        guard product == .career else { return }
        try PaidMonths.check(in: connection, &offences)
    }

    /// What was granted twice, in one period or in two, and what was asked twice.
    private static func findRepeated(
        of product: Product, in connection: any DatabaseConnection, _ offences: inout Offences,
        _ isDone: () -> Void
    ) throws {
        for (invariant, problem, sql) in Repetition.all(of: product) {
            try connection.forEachRow(sql, []) { row in
                var reader = row.reader
                let user = try reader.uuid()
                offences.add(
                    invariant, user, of: user,
                    "\(problem) (found \(try reader.integer()), expected 1)")
            }
            isDone()
        }
    }

    private static let wrongDebts = """
        SELECT c.user_id, c.credits_owed, CAST(coalesce(sum(g.credits), 0) AS BIGINT)
        FROM career_subscription_contexts c
        LEFT JOIN credit_grants g ON g.user_id = c.user_id AND g.kind = 'revocation'
            AND (g.cause = 'debt' OR g.cause LIKE 'debt %')
            AND g.credits BETWEEN -\(Credits.maximum.micros) AND \(Credits.maximum.micros)
        GROUP BY c.user_id, c.credits_owed
        HAVING c.credits_owed <> coalesce(sum(g.credits), 0)
        """

    private static func count(
        _ table: String, _ connection: any DatabaseConnection
    ) throws -> Int64 {
        var reader = try connection.query("SELECT count(*) FROM \(table)")[0].reader
        return try reader.integer()
    }
}

/// What was found: all of it counted, some of it named.
struct Offences {
    private(set) var found: Int64 = 0
    private(set) var findings: [LedgerAudit.Finding] = []
    /// Whose sums or logs were named: what follows from one broken row is not told once more.
    private var namedUsers: Set<UUID> = []

    var mayName: Bool { findings.count < LedgerAudit.maximumFindings }

    mutating func name(_ finding: LedgerAudit.Finding) {
        if mayName { findings.append(finding) }
    }

    /// Whether something of the user's was named before.
    func hasNamed(_ user: UUID) -> Bool { namedUsers.contains(user) }

    mutating func count(_ number: Int64, of user: UUID) {
        found += number
        if namedUsers.count < LedgerAudit.maximumFindings { namedUsers.insert(user) }
    }

    /// Of a row that is nobody's and has a name in place of an id.
    mutating func add(_ invariant: Int, named row: String, _ problem: String) {
        found += 1
        name(LedgerAudit.Finding(invariant: invariant, row: row, problem: problem))
    }

    mutating func add(
        _ invariant: Int, _ row: UUID, of user: UUID?, _ problem: String, unlessNamed: Bool = false
    ) {
        if let user {
            if unlessNamed && namedUsers.contains(user) { return }
            count(1, of: user)
        } else {
            found += 1
        }
        name(LedgerAudit.Finding(invariant: invariant, row: row.text, problem: problem))
    }
}

/// Rows that may be there once: a grant in its period, an invoice's and an operator's in all of
/// them, a request.
private enum Repetition {
    static func all(
        of product: Product
    ) -> [(invariant: Int, problem: String, sql: String)] {
        once + [requests(apartFromTests: product == .api)]
    }

    private static let once: [(invariant: Int, problem: String, sql: String)] = [
        (
            4, "a period was granted the same twice",
            """
            SELECT user_id, count(*) FROM credit_grants
            GROUP BY user_id, period_number, kind, cause HAVING count(*) > 1
            """
        ),
        (
            4, "what is granted once was granted in several periods",
            """
            SELECT user_id, count(DISTINCT period_number) FROM credit_grants
            WHERE kind = 'plan' AND cause <> 'free_month' OR kind = 'adjustment'
            GROUP BY user_id, kind, cause
            HAVING count(DISTINCT period_number) > 1
                AND count(DISTINCT period_number) > 1 + \(monthsTakenBack)
            """
        ),
        (
            4, "an invoice was granted to several accounts",
            """
            SELECT g.user_id, count(*) FROM credit_grants g JOIN credit_grants o
                ON o.cause = g.cause AND o.kind = g.kind AND o.user_id <> g.user_id
            WHERE g.kind = 'plan' AND g.cause <> 'free_month' GROUP BY g.user_id
            """
        ),
    ]

    /// How often a month of a year may have been granted once more: each reset of the clock may
    /// have made a month of an earlier one that was begun too early. Only such a grant's cause is
    /// the invoice with a number.
    private static let monthsTakenBack = """
        CASE WHEN kind = 'plan' AND rtrim(cause, '0123456789') LIKE '% ' THEN (
            SELECT count(*) FROM subscription_changes c JOIN subscriptions s
                ON s.id = c.subscription_id
            WHERE s.user_id = credit_grants.user_id AND c.event = '\(ResetClock.event)'
        ) ELSE 0 END
        """

    /// A test of a request's name is another request.
    private static func requests(
        apartFromTests isApart: Bool
    ) -> (invariant: Int, problem: String, sql: String) {
        (
            3, "a request was reserved for more than once",
            """
            SELECT user_id, count(*) FROM career_usage_logs
            GROUP BY user_id, request_id, payload_hash\(isApart ? ", is_test" : "")
            HAVING count(*) > 1
            """
        )
    }
}
