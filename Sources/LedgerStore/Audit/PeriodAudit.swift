import Database
import FoundationEssentials
import Ledger
import Values

/// Walks logs, grants and accounts once and judges what they sum up to, by account and period.
enum PeriodAudit {
    static func run(in connection: any DatabaseConnection, _ offences: inout Offences) throws {
        // Named after the walk: a row's logs are looked up by other statements.
        var suspects: [(user: UUID, period: Int64, kind: LogOffence)] = []
        var account = AccountFindings()
        try connection.forEachRow(PeriodSQL.select(connection.dialect), []) { row in
            let sums = try PeriodSums(row)
            if sums.user != account.user {
                account.flush(into: &offences, &suspects)
                account = AccountFindings(user: sums.user)
            }
            account.add(sums)
        }
        account.flush(into: &offences, &suspects)
        for suspect in suspects where offences.mayName {
            for row in try connection.query(
                suspect.kind.select(connection.dialect),
                [.uuid(suspect.user), .integer(suspect.period)]
            ) { offences.name(try suspect.kind.finding(row)) }
        }
    }
}

/// What is wrong with one account, over its periods. If its sums or charges disagree, what else is
/// wrong may follow from that and is not told.
private struct AccountFindings {
    /// Periods of one account that are remembered until the next one.
    static let maximumPeriods = 1_000

    var user: UUID?
    private var sums: [(invariant: Int, problem: String)] = []
    private var others: [(invariant: Int, problem: String)] = []
    private var logs: [(period: Int64, kind: LogOffence, count: Int64)] = []

    init(user: UUID? = nil) {
        self.user = user
    }

    mutating func add(_ period: PeriodSums) {
        guard logs.count < Self.maximumPeriods, others.count < Self.maximumPeriods else { return }
        sums += period.disagreements
        others += period.disorders
        for (kind, count) in period.offences where count > 0 {
            logs.append((period.period, kind, count))
        }
    }

    func flush(
        into offences: inout Offences,
        _ suspects: inout [(user: UUID, period: Int64, kind: LogOffence)]
    ) {
        guard let user else { return }
        let isSaid = !sums.isEmpty || logs.contains { $0.kind.isSaidAlone }
        let mayFollow = isSaid || offences.hasNamed(user)
        for (invariant, problem) in mayFollow ? sums : others {
            offences.add(invariant, user, of: user, problem)
        }
        for (period, kind, count) in logs where kind.isSaidAlone || !mayFollow {
            offences.count(count, of: user)
            if suspects.count < LedgerAudit.maximumFindings {
                suspects.append((user, period, kind))
            }
        }
    }
}

/// An account's counters and what the rows of one of its periods sum up to. A period that is not
/// the running one has no counters; its rows are judged all the same.
private struct PeriodSums {
    let user: UUID
    let period: Int64
    private let values: [Int64?]
    let offences: [(LogOffence, Int64)]

    init(_ row: Row) throws {
        var reader = row.reader
        user = try reader.uuid()
        period = try reader.integer()
        var values: [Int64?] = []
        for _ in PeriodSQL.columns { values.append(try reader.optionalInteger()) }
        self.values = values
        offences = try LogOffence.allCases.map { ($0, try reader.integer()) }
    }

    private func optional(_ name: String) -> Int64? {
        PeriodSQL.columns.firstIndex { $0.name == name }.flatMap { values[$0] }
    }

    private subscript(_ name: String) -> Int64 { optional(name) ?? 0 }
    private var isRunning: Bool { self["accounts"] > 0 }

    /// The sums that must agree.
    var disagreements: [(Int, String)] {
        var found: [(Int, String)] = []
        func compare(_ invariant: Int, _ problem: String, _ one: String, _ other: String) {
            guard isRunning, self[one] != self[other] else { return }
            found.append((invariant, "\(problem) (found \(self[one]), expected \(self[other]))"))
        }
        compare(1, "credits_used is not the sum of the period's charges", "used", "charged")
        compare(
            1, "credits_reserved is not the sum of the period's reservations", "reserved", "held")
        compare(
            2, "credits_allocated is not the sum of the period's grants", "allocated", "granted")
        // Not what is allocated: a revocation may leave less than what had been used before.
        let spent = isRunning ? self["used"] + self["reserved"] : self["charged"] + self["held"]
        if spent > self["gained"] && (isRunning || self["grants"] > 0) {
            found.append(
                (
                    2,
                    "more is used and reserved than was ever granted "
                        + "(found \(spent), expected \(self["gained"]))"
                ))
        }
        return found
    }

    /// What the rows of a period must be beside those of its neighbours.
    var disorders: [(Int, String)] {
        var found: [(Int, String)] = []
        func expect(_ invariant: Int, _ isSound: Bool, _ problem: @autoclosure () -> String) {
            if !isSound { found.append((invariant, "period \(period): " + problem())) }
        }
        if self["account_period"] == 0 {
            expect(5, self["grants"] == 0, "a grant has no account")
            return found
        }
        expect(5, (1...self["account_period"]).contains(period), "the account has not begun it")
        expect(4, self["plan_grants"] == 1, "it has not one grant of its plan")
        if isRunning {
            expect(
                4, self["all_plan_grants"] == period,
                "the periods until now have not one grant of their plan each "
                    + "(found \(self["all_plan_grants"]))")
            expect(
                4, (self["is_free"] == 1) == (self["free_months"] > 0),
                "what was granted for it is of another source")
            expect(5, windowsAgree, "the rate windows count other calls than there were")
        }
        expect(5, timesAgree, "its rows are not in the order of time")
        if isRunning && self["resets"] == 0 {
            expect(
                5, self["decided_at"] <= self["newest"],
                "the account lies in the future, after the newest of its rows: "
                    + "see cuebx users reset-clock")
            expect(
                5, self["decided_at"] >= self["newest"], "a row is later than the last decision")
        }
        return found
    }

    /// A window counts the reservations since its start, unless some were made by a clock ahead.
    private var windowsAgree: Bool {
        ["minute", "day"].allSatisfy { span in
            let (count, since) = (self["\(span)_count"], self["since_\(span)"])
            return self["beyond_\(span)"] == 0 ? count == since : count <= since
        }
    }

    private var timesAgree: Bool {
        guard self["resets"] == 0, let begun = optional("plan_at") else { return true }
        let next = optional("next_plan_at") ?? .max
        return begun <= next
            && [optional("first_log"), optional("first_grant")].allSatisfy {
                ($0 ?? begun) >= begun
            }
            && [optional("last_log"), optional("last_grant")].allSatisfy { ($0 ?? begun) <= next }
    }
}

/// The statement of the walk: each table's columns beside each other, summed by account and period.
private enum PeriodSQL {
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
        ("resets", "sum(g.reset_lines) OVER u"),
        ("next_plan_at", "lead(g.plan_at) OVER (PARTITION BY g.user_id ORDER BY g.period_number)"),
    ]

    private static let summed = [
        "accounts", "logs", "used", "charged", "reserved", "held", "allocated", "granted", "gained",
        "grants", "plan_grants", "free_months", "is_free", "minute_count", "day_count",
        "minute_since", "minute_beyond", "day_since", "day_beyond", "reset_lines",
    ]
    private static let smallest = ["first_log", "first_grant"]
    private static let largest = ["last_log", "last_grant", "plan_at", "decided_at", "latest"]

    /// Only what may disagree comes back; the last word is ``PeriodSums``'s.
    static func select(_ sql: SQLDialect) -> String {
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
        let branches = [accounts, grants, history, logs(sql)].map { branch in
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
                "a_plan_grants <> 1", "a_charged + a_held > a_gained",
                """
                a_accounts > 0 AND (a_used <> a_charged OR a_reserved <> a_held
                    OR a_allocated <> a_granted OR a_used + a_reserved > a_gained
                    OR a_all_plan_grants <> a.period_number OR a_is_free <> a_free_months
                    OR a_decided_at <> a_newest
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

    private static let grants: Branch = (
        "g.user_id, g.period_number",
        [
            "granted": AuditSQL.credits("g.credits", Credits.maximum.micros),
            "gained":
                """
            CASE WHEN g.credits BETWEEN 1 AND \(Credits.maximum.micros) THEN g.credits
                ELSE 0 END
            """,
            "grants": "1", "plan_grants": "CASE WHEN g.kind = 'plan' THEN 1 ELSE 0 END",
            "free_months": """
            CASE WHEN g.kind = 'plan' AND g.cause = 'free_month' THEN 1 ELSE 0 END
            """,
            "plan_at": "CASE WHEN g.kind = 'plan' THEN g.created_at END",
            // What an earlier period was granted may be taken back later.
            "first_grant": "CASE WHEN g.kind <> 'revocation' THEN g.created_at END",
            "last_grant": "CASE WHEN g.kind <> 'revocation' THEN g.created_at END",
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

    private static func logs(_ sql: SQLDialect) -> Branch {
        let created = "(\(AuditSQL.time("l.created_at")))"
        let cost = AuditSQL.credits("l.credits_reserved", Credits.maximum.micros)
        let charge = AuditSQL.credits("l.credits_charged", Credits.maximum.micros)
        func since(_ column: String, _ micros: Int64) -> String {
            "CASE WHEN \(created) - \(micros) >= c.\(column) THEN 1 ELSE 0 END"
        }
        var values = [
            "logs": "1", "charged": "CASE WHEN l.status = 'SUCCESS' THEN \(charge) ELSE 0 END",
            "held": "CASE WHEN l.status = 'PENDING' THEN \(cost) ELSE 0 END",
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
