import CareerDomain
import Database
import FoundationEssentials

/// Checks the ledger's four invariants over the whole database. It judges stored rows only and
/// knows no clock, so it may run beside a live server: everything is read from one snapshot.
///
/// The logs are walked once. The engine sums them by account and period and hands over only the
/// sums that do not agree, so memory does not grow with the number of logs.
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

    public func run() async throws -> Report {
        try await database.read { connection in
            try connection.liftLimits()
            var offences = Offences()
            // Named after the walk: a row's logs are looked up by other statements.
            var suspects: [(sums: PeriodSums, kind: LogOffence)] = []
            try connection.forEachRow(PeriodSums.disagreeing, []) { row in
                let sums = try PeriodSums(row)
                sums.judge(&offences)
                for kind in LogOffence.allCases where sums.count(of: kind) > 0 {
                    offences.found += sums.count(of: kind)
                    if suspects.count < LedgerAudit.maximumFindings {
                        suspects.append((sums, kind))
                    }
                }
            }
            for suspect in suspects where offences.mayName {
                for row in try connection.query(
                    suspect.kind.select, [.uuid(suspect.sums.user), .integer(suspect.sums.period)]
                ) { offences.name(try suspect.kind.finding(row)) }
            }
            try connection.forEachRow(repeatedGrants, []) { row in
                var reader = row.reader
                offences.add(
                    4, try reader.uuid(), "a period was granted the same twice",
                    try reader.integer(), 1)
            }
            try connection.forEachRow(wrongDebts, []) { row in
                var reader = row.reader
                offences.add(
                    2, try reader.uuid(), "credits_owed is not the sum of its debt lines",
                    try reader.integer(), try reader.integer())
            }
            return Report(
                accounts: try LedgerAudit.count("career_subscription_contexts", connection),
                logs: try LedgerAudit.count("career_usage_logs", connection),
                found: offences.found, findings: offences.findings)
        }
    }

    private static func count(
        _ table: String, _ connection: any DatabaseConnection
    ) throws -> Int64 {
        var reader = try connection.query("SELECT count(*) FROM \(table)")[0].reader
        return try reader.integer()
    }
}

/// What was found: all of it counted, some of it named.
private struct Offences {
    var found: Int64 = 0
    private(set) var findings: [LedgerAudit.Finding] = []

    var mayName: Bool { findings.count < LedgerAudit.maximumFindings }

    mutating func name(_ finding: LedgerAudit.Finding) {
        if mayName { findings.append(finding) }
    }

    mutating func add(
        _ invariant: Int, _ row: UUID, _ problem: String, _ found: Int64, _ expected: Int64
    ) {
        self.found += 1
        name(
            LedgerAudit.Finding(
                invariant: invariant, row: row.text,
                problem: "\(problem) (found \(found), expected \(expected))"))
    }
}

/// An account's counters and what the rows of one of its periods sum up to. A period that is not
/// the running one has no counters; only its logs are judged.
private struct PeriodSums {
    let user: UUID
    let period: Int64
    let accounts: Int64
    let used, charged, reserved, held, allocated, granted, gained: Int64
    let strayed, mischarged, mistimed: Int64

    init(_ row: Row) throws {
        var reader = row.reader
        user = try reader.uuid()
        period = try reader.integer()
        accounts = try reader.integer()
        used = try reader.integer()
        charged = try reader.integer()
        reserved = try reader.integer()
        held = try reader.integer()
        allocated = try reader.integer()
        granted = try reader.integer()
        gained = try reader.integer()
        strayed = try reader.integer()
        mischarged = try reader.integer()
        mistimed = try reader.integer()
    }

    func judge(_ offences: inout Offences) {
        guard accounts > 0 else { return }
        if used != charged {
            offences.add(
                1, user, "credits_used is not the sum of the period's charges", used, charged)
        }
        if reserved != held {
            offences.add(
                1, user, "credits_reserved is not the sum of the period's reservations", reserved,
                held)
        }
        if allocated != granted {
            offences.add(
                2, user, "credits_allocated is not the sum of the period's grants", allocated,
                granted)
        }
        // Not what is allocated: a revocation may leave less than what had been used before.
        if used + reserved > gained {
            offences.add(
                2, user, "more is used and reserved than was ever granted", used + reserved, gained)
        }
    }

    func count(of kind: LogOffence) -> Int64 {
        switch kind {
        case .strayed: strayed
        case .mischarged: mischarged
        case .mistimed: mistimed
        }
    }

    /// The logs, the grants and the accounts in one walk each, summed by account and period; only
    /// what does not agree comes back.
    static let disagreeing = """
        SELECT m.user_id, m.period_number, CAST(sum(m.accounts) AS BIGINT),
            CAST(sum(m.used) AS BIGINT), CAST(sum(m.charged) AS BIGINT),
            CAST(sum(m.reserved) AS BIGINT), CAST(sum(m.held) AS BIGINT),
            CAST(sum(m.allocated) AS BIGINT), CAST(sum(m.granted) AS BIGINT),
            CAST(sum(m.gained) AS BIGINT),
            CAST(CASE WHEN \(hasStrayed) THEN sum(m.logs) ELSE 0 END AS BIGINT),
            CAST(sum(m.mischarged) AS BIGINT), CAST(sum(m.mistimed) AS BIGINT)
        FROM (
            SELECT user_id, period_number, 1 AS accounts, 0 AS logs, credits_used AS used,
                0 AS charged, credits_reserved AS reserved, 0 AS held,
                credits_allocated AS allocated, 0 AS granted, 0 AS gained, 0 AS mischarged,
                0 AS mistimed
            FROM career_subscription_contexts
            UNION ALL
            SELECT user_id, period_number, 0, 0, 0, 0, 0, 0, 0, credits,
                CASE WHEN credits > 0 THEN credits ELSE 0 END, 0, 0
            FROM credit_grants
            UNION ALL
            SELECT user_id, period_number, 0, 1, 0,
                CASE WHEN status = 'SUCCESS' THEN coalesce(credits_charged, 0) ELSE 0 END, 0,
                CASE WHEN status = 'PENDING' THEN credits_reserved ELSE 0 END, 0, 0, 0,
                CASE WHEN \(LogOffence.mischarged.condition) THEN 1 ELSE 0 END,
                CASE WHEN \(LogOffence.mistimed.condition) THEN 1 ELSE 0 END
            FROM career_usage_logs
        ) m
        GROUP BY m.user_id, m.period_number
        HAVING sum(m.mischarged) > 0 OR sum(m.mistimed) > 0
            OR sum(m.accounts) > 0 AND (
                sum(m.used) <> sum(m.charged) OR sum(m.reserved) <> sum(m.held)
                OR sum(m.allocated) <> sum(m.granted)
                OR sum(m.used) + sum(m.reserved) > sum(m.gained))
            OR \(hasStrayed)
        """

    /// Logs of a period that is neither the account's running one nor an earlier one.
    private static let hasStrayed = """
        (sum(m.accounts) = 0 AND sum(m.logs) > 0 AND NOT EXISTS (
            SELECT 1 FROM career_subscription_contexts c
            WHERE c.user_id = m.user_id AND c.period_number > m.period_number))
        """
}

/// What may be wrong with a log by itself.
private enum LogOffence: CaseIterable {
    case strayed
    case mischarged
    case mistimed

    /// What is true of such a log; `strayed` is told by its period.
    var condition: String {
        switch self {
        case .strayed: "1 = 1"
        case .mischarged:
            """
            ((status = 'SUCCESS') <> (credits_charged IS NOT NULL)
                OR credits_charged <> credits_reserved)
            """
        case .mistimed:
            """
            (committed_at < created_at
                OR (status IN ('SUCCESS', 'FAILED')) <> (committed_at IS NOT NULL))
            """
        }
    }

    /// Names such logs of a user's period: the id, what was found, what was expected.
    var select: String {
        let pair =
            switch self {
            case .strayed: "period_number, NULL"
            case .mischarged:
                "credits_charged, CASE WHEN status = 'SUCCESS' THEN credits_reserved END"
            case .mistimed: "committed_at, created_at"
            }
        return """
            SELECT id, \(pair) FROM career_usage_logs
            WHERE user_id = ? AND period_number = ? AND \(condition)
            ORDER BY id LIMIT \(LedgerAudit.maximumFindings)
            """
    }

    func finding(_ row: Row) throws -> LedgerAudit.Finding {
        var reader = row.reader
        let id = try reader.uuid()
        let found = try reader.optionalInteger()
        let expected = try reader.optionalInteger()
        func text(_ value: Int64?) -> String { value.map(String.init) ?? "none" }
        let problem =
            switch self {
            case .strayed:
                "a log belongs to a period that its account has not begun (\(text(found)))"
            case .mischarged:
                "a log is charged otherwise than it was reserved "
                    + "(found \(text(found)), expected \(text(expected)))"
            case .mistimed:
                "a log was settled before it was made, or is settled and has no time of it "
                    + "(settled \(text(found)), made \(text(expected)))"
            }
        return LedgerAudit.Finding(
            invariant: self == .strayed ? 1 : 3, row: id.text, problem: problem)
    }
}

private let repeatedGrants = """
    SELECT user_id, count(*) FROM credit_grants
    GROUP BY user_id, period_number, kind, cause HAVING count(*) > 1
    """

private let wrongDebts = """
    SELECT c.user_id, c.credits_owed, CAST(coalesce(sum(g.credits), 0) AS BIGINT)
    FROM career_subscription_contexts c
    LEFT JOIN credit_grants g ON g.user_id = c.user_id AND g.kind = 'revocation'
        AND (g.cause = 'debt' OR g.cause LIKE 'debt %')
    GROUP BY c.user_id, c.credits_owed
    HAVING c.credits_owed <> coalesce(sum(g.credits), 0)
    """
