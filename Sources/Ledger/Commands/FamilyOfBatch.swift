import FoundationEssentials
import Values

extension LedgerBatch {
    /// The calls that lend to those that a command is about, all running ones above them, and those
    /// themselves that may be lent by: none in a batch without families.
    func lenders<Command: LedgerCommand>(
        of command: Command, _ log: UsageLog?, _ overdue: [UsageLog]
    ) -> [UUID: UsageLog] {
        guard hasFamilies || command.parent != nil else { return [:] }
        var found: [UUID: UsageLog] = [:]
        func add(_ id: UUID?) {
            var next = id
            while let id = next, found[id] == nil, let log = logs[id],
                log.key.userID == command.userID
            {
                found[id] = log
                next = log.status == .pending ? log.parentID : nil
            }
        }
        add(command.parent)
        var members = overdue
        if let log { members.append(log) }
        if command.seesFamily, let log { members += family(of: log.id) }
        for log in members {
            if log.parentID != nil || log.creditsLent > .zero { add(log.id) }
            add(log.parentID)
        }
        return found
    }

    /// The calls that run below one, those that run below another before that.
    func family(of id: UUID) -> [UsageLog] {
        let members = families[id, default: []].compactMap { logs[$0] }
            .filter { $0.status == .pending }
        let parents = Dictionary(
            members.map { ($0.id, $0.parentID) }, uniquingKeysWith: { first, _ in first })
        func depth(_ id: UUID) -> Int {
            var (above, next): (Set<UUID>, UUID?) = ([], parents[id] ?? nil)
            while let parent = next, above.insert(parent).inserted {
                next = parents[parent] ?? nil
            }
            return above.count
        }
        return members.map { (log: $0, depth: depth($0.id)) }
            .sorted { ($1.depth, $0.log.id.text) < ($0.depth, $1.log.id.text) }
            .map(\.log)
    }

    /// The calls that run below one, at any depth and also below one that has ended.
    package static func running(below id: UUID, in logs: some Sequence<UsageLog>) -> Set<UUID> {
        let children = Dictionary(
            grouping: logs.filter { $0.parentID != nil }, by: { $0.parentID })
        var (found, seen, ids): (Set<UUID>, Set<UUID>, [UUID]) = ([], [], [id])
        while let next = ids.popLast() {
            guard seen.insert(next).inserted else { continue }
            for child in children[next] ?? [] {
                ids.append(child.id)
                if child.status == .pending { found.insert(child.id) }
            }
        }
        return found
    }
}

extension Account {
    /// Why a call that has a parent may not hold so much more.
    func refusal(
        of credits: Credits, outOfParentOf log: UsageLog, at now: Timestamp
    ) -> HoldRefusal? {
        guard let free = lender(of: log, at: now)?.creditsHeld else { return .parentEnded }
        return credits > free ? .parentHoldExceeded(free: free, needed: credits) : nil
    }
}

extension Position {
    /// Of an account with grants beside its pool, what is overdue is expired before each decision:
    /// what it gives back may join a grant that the decision uses up. So it is with families, where
    /// it may be given back to the very call that the decision is about; and so with a key's limit,
    /// which counts nothing that has lapsed. The command's own log is its own affair, and so is
    /// what lapsed after that in a family.
    mutating func expireAhead(at now: Timestamp) -> [UsageLog] {
        guard var account,
            !account.grants.isEmpty || !account.lenders.isEmpty || keySpending != nil
        else { return [] }
        let subject = log?.id
        var own = overdue.filter { $0.id == subject }
        var ahead = overdue.filter { $0.id != subject }
        if !account.lenders.isEmpty {
            let listed = Set(overdue.map(\.id))
            ahead += account.lenders.values.filter {
                $0.isOverdue(at: now) && $0.id != subject && !listed.contains($0.id)
            }
            ahead = account.inOrderOfLapse(ahead)
            if let log, log.isOverdue(at: now) {
                let above = account.ancestors(of: log)
                let first = ahead.firstIndex {
                    $0.expiresAt > log.expiresAt
                        || $0.expiresAt == log.expiresAt && above.contains($0.id)
                }
                own += ahead[(first ?? ahead.endIndex)...]
                ahead.removeSubrange((first ?? ahead.endIndex)...)
            }
        }
        let expired = ahead.map { account.expire($0) }
        if let subject, let moved = account.lenders[subject] { log = moved }
        countForKey(expired, ahead, from: self.account?.lenders ?? [:], to: account.lenders)
        self.account = account
        overdue = own
        expiredAhead = ahead
        return expired
    }

    /// Counts what has lapsed, and what that gave back to calls above it, for the key's family.
    private mutating func countForKey(
        _ expired: [UsageLog], _ lapsed: [UsageLog], from before: [UUID: UsageLog],
        to after: [UUID: UsageLog]
    ) {
        guard let family = key?.caller.familyID, keySpending != nil else { return }
        let known = before.merging(lapsed.map { ($0.id, $0) }) { _, stood in stood }
        let changed = after.merging(expired.map { ($0.id, $0) }) { _, ended in ended }
        for log in changed.values where log.caller?.familyID == family {
            keySpending?.count(log, was: known[log.id])
        }
    }
}
