import FoundationEssentials
import Ledger
import Values

/// Holds what is stored of a user against the four invariants of the ledger, which it adds up from
/// the rows alone, and against the model. It remembers each log as it was last seen, so that it
/// notices one that leaves PENDING twice.
struct StoredRowsChecker {
    private var seen: [UUID: UsageLog] = [:]
    private var grantsSeen: [UUID: [CreditGrant]] = [:]

    mutating func check(_ id: UUID, stored: StoredUser?, model: ReferenceModel) throws {
        guard let stored, let expected = model.users[id] else {
            if (stored == nil) != (model.users[id] == nil) {
                throw Disagreement(kind: "user erased", detail: "\(id) is stored or is not")
            }
            return
        }
        try checkLogs(stored, model)
        try checkFamilies(stored)
        try checkSteps(stored, expected)
        try checkGrants(id, stored)
        guard let account = stored.account else {
            if expected.account != nil {
                throw Disagreement(kind: "account lost", detail: "\(id) has no stored account")
            }
            return
        }
        try checkCounters(account, stored)
        try checkEarliestExpiry(account, stored)
        try checkGrants(account, stored, expected)
        try checkSpending(account, stored, expected)
        let view = AccountView(account)
        guard view == model.view(expected) else {
            throw Disagreement(
                kind: "stored account",
                detail: """
                    stored \(view)
                      model  \(model.view(expected).map { "\($0)" } ?? "none")
                    """)
        }
        if account.context.decidedAt.micros < expected.changedAt {
            throw Disagreement(
                kind: "time runs backwards",
                detail: "decided at \(account.context.decidedAt.micros), changed later")
        }
        let ended = stored.logs.count { $0.status == .success || $0.status == .failed }
        if ended != expected.calls.count(where: { $0.ended != nil })
            || stored.logs.count != expected.calls.count
        {
            throw Disagreement(kind: "stored logs", detail: "the model has other logs")
        }
    }

    /// 1 and 2: the counters are the sums of the period's rows.
    private func checkCounters(_ account: Account, _ stored: StoredUser) throws {
        let context = account.context
        var used: Int64 = 0
        var reserved: Int64 = 0
        let number = context.period.number
        for log in stored.logs {
            if log.draws.isEmpty {
                guard log.periodNumber == number else { continue }
                used += log.creditsCharged?.micros ?? 0
                reserved += log.creditsHeld.micros
            }
            for draw in log.draws where draw.source == .pool(period: number) {
                used += draw.captured.micros
                reserved += draw.held.micros
            }
        }
        let granted = stored.grants.reduce(0) {
            $0 + ($1.periodNumber == context.period.number ? $1.credits.micros : 0)
        }
        for (what, counter, sum) in [
            ("credits_used", context.used.micros, used),
            ("credits_reserved", context.reserved.micros, reserved),
            ("credits_allocated", context.allocated.micros, granted),
        ] where counter != sum {
            throw Disagreement(
                kind: "invariant: \(what)", detail: "\(what) is \(counter), its rows say \(sum)")
        }
        let everGranted = stored.grants.reduce(0) {
            $0 + ($1.periodNumber == context.period.number ? max(0, $1.credits.micros) : 0)
        }
        if used + reserved > everGranted {
            throw Disagreement(
                kind: "invariant: over budget",
                detail: "\(used) used and \(reserved) reserved of \(everGranted) ever granted")
        }
    }

    /// Each grant beside the pool is conserved and drawn on as the model's is. The account knows
    /// how many are open.
    private func checkGrants(
        _ account: Account, _ stored: StoredUser, _ expected: ReferenceModel.User
    ) throws {
        let open = stored.standalone.count { $0.isOpen }
        guard account.context.openGrants == open, stored.standalone.count == expected.grants.count
        else { throw Disagreement(kind: "open grants", detail: "\(stored.standalone)") }
        for grant in stored.standalone {
            let place = expected.grants.firstIndex { $0.cause == grant.cause }
            let draws = stored.logs.flatMap(\.draws).filter { $0.source == .grant(grant.id) }
            let (held, captured) = draws.reduce((Credits.zero, Credits.zero)) {
                ($0.0 + $1.held, $0.1 + $1.captured)
            }
            let isWhole =
                grant.amount == grant.remaining + held + captured + grant.expired + grant.takenBack
            guard let place, isWhole, grant.held == held, grant.captured == captured,
                ReferenceModel.drawn(place, of: expected, at: 0).charged == captured.micros
            else { throw Disagreement(kind: "grant", detail: "\(grant) \(draws)") }
        }
    }

    /// What counts against limits is the sum of the rows; an account without limits counts nothing.
    private func checkSpending(
        _ account: Account, _ stored: StoredUser, _ expected: ReferenceModel.User
    ) throws {
        let brakes = account.context.brakes
        guard brakes?.limits ?? .none == expected.limits else {
            throw Disagreement(
                kind: "stored limits", detail: "\(brakes.map { "\($0)" } ?? "none")")
        }
        guard let counted = brakes?.spending else { return }
        let sum = Spending(of: stored.logs, stored.steps, at: counted.countedAt)
        guard counted == sum else {
            throw Disagreement(
                kind: "invariant: spending", detail: "\(counted) is counted, \(sum) was spent")
        }
    }

    /// The account's bound is no later than the end of anything that is held.
    private func checkEarliestExpiry(_ account: Account, _ stored: StoredUser) throws {
        let first = stored.logs.lazy.filter(\.mayLapse).map(\.expiresAt).min()
        guard let first else { return }
        guard let bound = account.context.earliestExpiry, bound <= first else {
            throw Disagreement(
                kind: "invariant: earliest expiry",
                detail: "something is held until \(first.micros), the account says "
                    + "\(account.context.earliestExpiry.map { "\($0.micros)" } ?? "nothing")")
        }
    }

    /// 3: a log leaves PENDING at most once, or EXPIRED late; it is charged and held as the model's
    /// call is.
    private mutating func checkLogs(_ stored: StoredUser, _ model: ReferenceModel) throws {
        for log in stored.logs {
            let before = seen[log.id]
            if before == log { continue }
            if let before, before.status != .pending,
                !(before.status == .expired && log.status == .success && log.isLate)
            {
                throw Disagreement(
                    kind: "invariant: settled twice", detail: "\(before.status) became \(log)")
            }
            guard let (user, place) = model.placeOfCall[log.id],
                let call = model.users[user]?.calls[place],
                log.creditsReserved.micros == call.cost,
                log.creditsCharged?.micros ?? 0 == call.charged,
                log.creditsNotCharged.micros == call.notCharged,
                !log.isCommitted || log.creditsLent.micros == call.lent,
                log.expiresAt.micros == call.expiresAt, log.isLate == call.isLate
            else {
                throw Disagreement(
                    kind: "invariant: charge", detail: "charged or held wrongly: \(log)")
            }
            seen[log.id] = log
        }
    }

    /// What a running call has lent is what its children took of it.
    private func checkFamilies(_ stored: StoredUser) throws {
        var taken: [UUID: Int64] = [:]
        for log in stored.logs {
            guard let parent = log.parentID else { continue }
            taken[parent, default: 0] +=
                log.status == .pending
                ? log.creditsReserved.micros
                : (log.creditsCharged?.micros ?? 0) + log.creditsLent.micros
        }
        for log in stored.logs where log.status == .pending {
            guard log.creditsLent.micros == taken[log.id] ?? 0 else {
                throw Disagreement(kind: "invariant: lent", detail: "\(log)")
            }
        }
        try checkEndedFamilies(stored)
    }

    /// What a call that was committed has lent is what its children had taken for good by then: all
    /// that they held, if they ran on. Of two that ended at one instant either may be first; what
    /// has lapsed ended later if a commit of it was accepted and withdrawn.
    private func checkEndedFamilies(_ stored: StoredUser) throws {
        let children = Dictionary(grouping: stored.logs.filter { $0.parentID != nil }) {
            $0.parentID
        }
        for log in stored.logs where log.status == .success || log.status == .failed {
            guard let own = children[log.id], let last = log.committedAt, !log.isLate else {
                continue
            }
            var (least, most) = (Int64(0), Int64(0))
            for child in own {
                let kept = (child.creditsCharged?.micros ?? 0) + child.creditsLent.micros
                let hasLapsed = child.status == .expired || child.isLate
                let end = hasLapsed ? child.expiresAt : child.committedAt
                let isRunning = child.status == .pending || (end ?? last) > last
                least += isRunning ? child.creditsReserved.micros : kept
                most += isRunning || hasLapsed || end == last ? child.creditsReserved.micros : kept
            }
            guard least <= log.creditsLent.micros, log.creditsLent.micros <= most else {
                throw Disagreement(kind: "invariant: lent at the end", detail: "\(log)")
            }
        }
    }

    /// What was done with holds is remembered once, and the parts are what was charged before the
    /// end.
    private func checkSteps(_ stored: StoredUser, _ expected: ReferenceModel.User) throws {
        guard stored.steps.count == expected.calls.reduce(0, { $0 + $1.steps.count }) else {
            throw Disagreement(kind: "stored steps", detail: "\(stored.steps)")
        }
        guard !stored.steps.isEmpty else { return }
        for log in stored.logs where log.status != .success {
            let parts = stored.steps.filter { $0.key.kind == .capture && $0.key.usageID == log.id }
            guard parts.reduce(Credits.zero, { $0 + $1.credits }) == log.creditsCharged ?? .zero
            else { throw Disagreement(kind: "parts and charge", detail: "\(log) \(parts)") }
        }
    }

    /// 4: each (user, period, kind, cause) is granted at most once; a grant stays as it was made.
    private mutating func checkGrants(_ id: UUID, _ stored: StoredUser) throws {
        let before = grantsSeen[id] ?? []
        if stored.grants.count == before.count, stored.grants == before { return }
        guard Set(before).isSubset(of: stored.grants) else {
            throw Disagreement(kind: "invariant: grant changed", detail: "\(stored.grants)")
        }
        struct Cause: Hashable {
            let period: Int64
            let kind: CreditGrant.Kind
            let cause: String
        }
        let causes = stored.grants.map {
            // An invoice and an adjustment count once in all periods.
            let isPeriodic = $0.kind != .adjustment && !$0.cause.hasPrefix("in_")
            return Cause(
                period: isPeriodic ? $0.periodNumber : 0, kind: $0.kind, cause: $0.cause)
        }
        if Set(causes).count != causes.count {
            throw Disagreement(kind: "invariant: granted twice", detail: "\(stored.grants)")
        }
        grantsSeen[id] = stored.grants
    }
}

extension UsageLog {
    fileprivate var isCommitted: Bool { status == .success || status == .failed }
}
