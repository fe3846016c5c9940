import Database
import FoundationEssentials
import Ledger
import Values

/// Walks logs, grants and accounts once and judges what they sum up to, by account and period.
enum PeriodAudit {
    static func run(
        of product: Product, in connection: any DatabaseConnection, _ offences: inout Offences
    ) throws {
        // Named after the walk: a row's logs are looked up by other statements.
        var suspects: [(user: UUID, period: Int64, kind: LogOffence)] = []
        let mendsClock = product.resetClockCommand
        var account = AccountFindings(mendsClock)
        try connection.forEachRow(PeriodSQL.select(connection.dialect, of: product), []) { row in
            let sums = try PeriodSums(row)
            if sums.user != account.user {
                account.flush(into: &offences, &suspects)
                account = AccountFindings(user: sums.user, mendsClock)
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

extension Product {
    /// What brings an account of the product back that lies in the future, by its holder.
    fileprivate var resetClockCommand: String {
        switch self {
        case .career: "cuebx users reset-clock"
        case .api: "cuebx workspaces reset-clock"
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

    /// The command that brings an account back from the future.
    private let mendsClock: String

    init(user: UUID? = nil, _ mendsClock: String) {
        self.user = user
        self.mendsClock = mendsClock
    }

    mutating func add(_ period: PeriodSums) {
        guard logs.count < Self.maximumPeriods, others.count < Self.maximumPeriods else { return }
        sums += period.disagreements
        others += period.disorders(mendsClock)
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
        // What was left over for the next period is not there to be used.
        let spent =
            self["forfeited"]
            + (isRunning ? self["used"] + self["reserved"] : self["charged"] + self["held"])
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
    func disorders(_ mendsClock: String) -> [(Int, String)] {
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
                5, self["decided_at"] <= max(self["newest"], self["newest_end"]),
                "the account lies in the future, after the newest of its rows: "
                    + "see \(mendsClock)")
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
