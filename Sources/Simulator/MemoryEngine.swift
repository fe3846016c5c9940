import FoundationEssentials
import Ledger
import Values

/// The ledger over dictionaries, for speed: what is written becomes visible at the commit, in one
/// piece, and a crash loses everything else.
package final class MemoryEngine: LedgerEngine {
    package let name = "memory"
    private var users: [UUID: Rows] = [:]
    private var owners: [UUID: UUID] = [:]
    private var counters: [String: FencingCounters] = [:]

    private struct Rows {
        var user: StoredUser
        var placeOfLog: [UUID: Int] = [:]
        var placeOfKey: [IdempotencyKey: Int] = [:]
    }

    package init() {}

    package func install(_ catalog: Catalog) {}

    package func insertUser(_ id: UUID, at now: Timestamp) {
        users[id] = Rows(user: StoredUser(isActive: true, account: nil, logs: [], grants: []))
    }

    package func setActive(_ id: UUID, _ isActive: Bool) {
        users[id]?.user.isActive = isActive
    }

    package func stored(_ user: UUID) -> StoredUser? { users[user]?.user }
    package func decidedAt(_ user: UUID) -> Timestamp? {
        users[user]?.user.account?.context.decidedAt
    }
    package func restart() {}

    package func transact(
        _ operations: [SimulatedOperation], _ rules: LedgerRules, clock: Timestamp,
        fault: SimulatedFault?
    ) throws -> [Answer] {
        try fault?.strike(after: 0)
        var batch = load(operations, clock: clock)
        try fault?.strike(after: 1)
        let answers = try operations.enumerated().map { index, operation in
            let answer = try operation.decide(in: &batch, rules, clock: clock)
            try fault?.strike(after: 2 + index)
            return answer
        }
        try fault?.strike(after: 2 + operations.count)
        write(batch)
        try fault?.strike(afterCommit: answers)
        return answers
    }

    /// Loads what the service's store loads, under the same conditions.
    private func load(_ operations: [SimulatedOperation], clock: Timestamp) -> LedgerBatch {
        var entries: [UUID: LedgerBatch.Entry] = [:]
        var logs: [UsageLog] = []
        var grants: Set<GrantKey> = []
        var sweeping: Set<UUID> = []
        var looking: Set<UUID> = []
        var tokens: [String: FencingCounters] = [:]
        var steps: [HoldStep] = []
        var spending: Set<UUID> = []
        var families: [UUID: Set<UUID>] = [:]
        for operation in operations {
            let command = operation.command
            if command.seesAllOverdue { sweeping.insert(command.userID) }
            if command.seesSpending { spending.insert(command.userID) }
            if command.seesGrants { looking.insert(command.userID) }
            if entries[command.userID] == nil, let rows = users[command.userID] {
                entries[command.userID] = LedgerBatch.Entry(
                    user: rows.user.isActive ? .active : .deactivated,
                    account: rows.user.account?.with(grants: rows.user.standalone), overdue: [])
            }
            if let log = find(command.subject) { logs.append(log) }
            if let log = command.parent.flatMap({ find(.id($0)) }) { logs.append(log) }
            if command.seesFamily, let log = find(command.subject) {
                let all = users[log.key.userID]?.user.logs ?? []
                let running = LedgerBatch.running(below: log.id, in: all)
                families[log.id] = running
                logs += all.filter { running.contains($0.id) }
            }
            if let id = command.token?.subscriptionID {
                tokens[id] = counters[id] ?? FencingCounters(issued: 0, applied: 0)
            }
            if let key = command.step {
                steps += users[command.userID]?.user.steps.filter { $0.key == key } ?? []
            }
            if let key = command.onceOnly, wasGranted(key) { grants.insert(key) }
        }
        let relatives = Set(
            logs.filter { $0.parentID != nil || $0.creditsLent > .zero }.map(\.key.userID))
        for (id, entry) in entries {
            if looking.contains(id) { entries[id]?.grants = latestLines(of: id, clock) }
            entries[id]?.laterExpiry = entry.account?.context.earliestExpiry
            if spending.contains(id), let context = entry.account?.context {
                let rows = users[id]?.user
                entries[id]?.spending =
                    context.brakes?.spending
                    ?? Spending(of: rows?.logs ?? [], rows?.steps ?? [], at: context.decidedAt)
            }
            guard let account = entry.account, let first = account.context.earliestExpiry,
                sweeping.contains(id) || relatives.contains(id) || account.context.mayHold
            else { continue }
            let now = max(clock, account.context.decidedAt)
            guard first <= now else { continue }
            let held = (users[id]?.user.logs ?? []).filter(\.mayLapse)
            let overdue = held.filter { $0.isOverdue(at: now) }
            logs += overdue
            entries[id]?.overdue = overdue.map(\.id)
            entries[id]?.laterExpiry =
                held.filter { !$0.isOverdue(at: now) }.map(\.expiresAt).min()
            entries[id]?.account?.keepEarliestExpiry(held.map(\.expiresAt).min())
        }
        addParents(to: &logs)
        return LedgerBatch(
            entries: entries, logs: logs, knownGrants: grants, counters: tokens, steps: steps,
            families: families)
    }

    /// Those of the running period, of the one before it and of those whose rollovers run.
    private func latestLines(of id: UUID, _ clock: Timestamp) -> [CreditGrant] {
        guard let user = users[id]?.user, let number = user.account?.context.period.number
        else { return [] }
        let rolled = user.standalone.filter { !$0.isExpired(at: clock) }.map(\.cause)
        return user.grants.filter {
            $0.periodNumber >= number - 1
                || rolled.contains(StandaloneGrant.causeOfRollover(of: $0.periodNumber))
        }
    }

    /// Adds the parents of the logs, and all above them up to the first that has ended.
    private func addParents(to logs: inout [UsageLog]) {
        var known = Set(logs.map(\.id))
        var next = logs.compactMap(\.parentID)
        while !next.isEmpty {
            let found = next.filter { known.insert($0).inserted }.compactMap { find(.id($0)) }
            logs += found
            next = found.compactMap { $0.status == .pending ? $0.parentID : nil }
        }
    }

    private func find(_ subject: LedgerSubject?) -> UsageLog? {
        switch subject {
        case .key(let key):
            guard let rows = users[key.userID] else { return nil }
            return rows.placeOfKey[key].map { rows.user.logs[$0] }
        case .id(let id):
            guard let owner = owners[id], let rows = users[owner] else { return nil }
            return rows.placeOfLog[id].map { rows.user.logs[$0] }
        case nil: return nil
        }
    }

    private func wasGranted(_ key: GrantKey) -> Bool {
        users[key.userID]?.user.grants.contains { $0.kind == key.kind && $0.cause == key.cause }
            ?? false
    }

    private func write(_ batch: LedgerBatch) {
        for (id, entry) in batch.entries {
            if entry.user == .missing {
                for log in users[id]?.user.logs ?? [] { owners[log.id] = nil }
                users[id] = nil
            } else {
                users[id]?.user.account = entry.account?.with(grants: [])
                users[id]?.user.standalone = entry.account?.grants ?? []
            }
        }
        for id in batch.insertedLogs { if let log = batch.logs[id] { insert(log) } }
        for id in batch.changedLogs {
            guard let log = batch.logs[id], let owner = owners[id],
                let place = users[owner]?.placeOfLog[id]
            else { continue }
            users[owner]?.user.logs[place] = log
        }
        for step in batch.insertedSteps.compactMap({ batch.steps[$0] }) {
            users[step.userID]?.user.steps.append(step)
        }
        for grant in batch.grants { users[grant.userID]?.user.grants.append(grant) }
        counters.merge(batch.counters) { _, new in new }
    }

    private func insert(_ log: UsageLog) {
        let owner = log.key.userID
        guard let place = users[owner]?.user.logs.count else { return }
        users[owner]?.user.logs.append(log)
        users[owner]?.placeOfLog[log.id] = place
        users[owner]?.placeOfKey[log.key] = place
        owners[log.id] = owner
    }
}
