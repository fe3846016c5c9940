import FoundationEssentials
import Values

/// Families of holds: a call's hold may be taken out of that of a running call, its parent. What a
/// family captures is then never more than its first hold and its raises.
///
/// A parent remembers what it has lent: what its children hold, were charged and have lent on. So
/// a hold that is taken out of a parent moves nothing of the account or of a grant.
extension Account {
    /// The call's parent, if it has one that had not ended by then: what lapses together is given
    /// back by the child first.
    func openParent(of log: UsageLog, at instant: Timestamp) -> UsageLog? {
        guard let id = log.parentID, let parent = lenders[id], parent.status == .pending,
            !parent.mayLapse || parent.expiresAt >= instant
        else { return nil }
        return parent
    }

    /// Overdue calls in the order in which they lapsed: of two that lapsed together the child is
    /// first.
    func inOrderOfLapse(_ logs: [UsageLog]) -> [UsageLog] {
        logs.map { (log: $0, depth: ancestors(of: $0).count) }
            .sorted { ($0.log.expiresAt, $1.depth) < ($1.log.expiresAt, $0.depth) }
            .map(\.log)
    }

    /// The calls above a call, as far as they are known.
    func ancestors(of log: UsageLog) -> Set<UUID> {
        var (found, next): (Set<UUID>, UUID?) = ([], log.parentID)
        while let id = next, found.insert(id).inserted {
            next = lenders[id]?.parentID
        }
        return found
    }

    /// The call's parent, if it has one out of whose hold something may be taken.
    func lender(of log: UsageLog, at now: Timestamp) -> UsageLog? {
        guard let id = log.parentID, let parent = lenders[id], parent.mayLend,
            !parent.isOverdue(at: now)
        else { return nil }
        return parent
    }

    /// What a call may still take of its parent: nothing once a commit of the parent was accepted.
    func lendable(to log: UsageLog, at now: Timestamp) -> Credits {
        lender(of: log, at: now)?.creditsHeld ?? .zero
    }

    /// Holds credits for a call, which have been found to be there: out of its parent's hold, or
    /// out of what the account has.
    mutating func take(
        _ credits: Credits, for log: inout UsageLog, at now: Timestamp, grace: Int64
    ) {
        if log.parentID == nil {
            hold(credits, for: &log, at: now, grace: grace)
        } else {
            borrow(credits, for: &log)
        }
    }

    /// What a call may hold beside what it holds: of a child what its parent has free, else what
    /// the account has and the user's limits leave; of either no more than its key's limit leaves.
    func room(
        for log: UsageLog, limit: Credits?, ofKey keyRoom: Credits?, at now: Timestamp,
        grace: Int64
    ) -> Credits {
        let left =
            log.parentID == nil ? available(at: now, grace: grace) : lendable(to: log, at: now)
        let room = log.parentID == nil ? min(left, limit ?? left) : left
        return min(room, keyRoom ?? room)
    }

    /// Takes credits out of the free part of the call's parent, which must have them, from its
    /// first draw on.
    private mutating func borrow(_ credits: Credits, for log: inout UsageLog) {
        guard credits > .zero, let id = log.parentID, var parent = lenders[id] else { return }
        log.add(parent.lend(credits))
        lenders[id] = parent
    }

    /// Gives all that a call holds back to its parent.
    mutating func giveBack(_ log: inout UsageLog, to parent: UsageLog) {
        var parent = parent
        parent.creditsLent -= log.creditsHeld
        for index in log.draws.indices.reversed() {
            parent.takeBack(log.draws[index].held, of: log.draws[index].source)
            log.draws[index].held = .zero
        }
        if log.draws.isEmpty {
            parent.takeBack(log.creditsHeld, of: .pool(period: log.periodNumber))
        }
        lenders[parent.id] = parent
    }
}

extension UsageLog {
    /// Whether something may be taken out of its hold: it is running, and no commit of it was
    /// accepted.
    var mayLend: Bool { status == .pending && commitAcceptedAt == nil }

    /// What of its parent's hold is with the call and what it lent on: all that it ever held while
    /// it runs, and after its end what it was charged and has lent.
    var creditsOfParent: Credits {
        status == .pending ? creditsReserved : (creditsCharged ?? .zero) + creditsLent
    }

    fileprivate mutating func lend(
        _ credits: Credits
    ) -> [(source: Draw.Source, credits: Credits)] {
        creditsLent += credits
        guard !draws.isEmpty else { return [(.pool(period: periodNumber), credits)] }
        var parts: [(source: Draw.Source, credits: Credits)] = []
        var missing = credits
        for index in draws.indices where missing > .zero {
            let part = min(missing, draws[index].held)
            guard part > .zero else { continue }
            missing -= part
            draws[index].held -= part
            parts.append((draws[index].source, part))
        }
        return parts
    }

    /// A call without a list of draws holds of one source alone.
    fileprivate mutating func takeBack(_ credits: Credits, of source: Draw.Source) {
        guard let index = draws.firstIndex(where: { $0.source == source }) else { return }
        draws[index].held += credits
    }
}
