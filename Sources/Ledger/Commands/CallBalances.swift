import FoundationEssentials
import Values

extension Decision {
    /// Notes on logs what the account could spend right before they began to hold and right after
    /// they ended, so that a complaint can be answered from the log alone.
    ///
    /// - Parameter known: the logs as they were.
    mutating func noteBalances(
        known: [UUID: UsageLog], _ rules: LedgerRules, at now: Timestamp
    ) {
        guard !logs.isEmpty, let account else { return }
        let balance = account.available(at: now, grace: rules.pastDueGrace)
        let taken = taken(known)
        for index in logs.indices {
            let was = known[logs[index].id]
            if was == nil { logs[index].balances.before = balance + taken }
            guard logs[index].status != .pending, was?.status != logs[index].status else {
                continue
            }
            // What lapsed had ended before the decision took anything.
            let hasLapsed = logs[index].status == .expired
            logs[index].balances.after = hasLapsed ? balance + taken : balance
        }
    }

    /// What the decision takes out of the balance for calls, but for what has lapsed back to it:
    /// negative if it gives back.
    private func taken(_ known: [UUID: UsageLog]) -> Credits {
        let lapsed = Set(logs.filter { $0.status == .expired }.map(\.id))
        return logs.reduce(.zero) { sum, log in
            let was = known[log.id]
            if lapsed.contains(log.id), !isWithFamily(was, lapsed, known) { return sum }
            let wasOut = (was?.creditsHeld ?? .zero) + (was?.creditsCharged ?? .zero)
            return sum + log.creditsHeld + (log.creditsCharged ?? .zero) - wasOut
        }
    }

    /// Whether what a call held when it lapsed is with a call above it that has not lapsed.
    private func isWithFamily(
        _ log: UsageLog?, _ lapsed: Set<UUID>, _ known: [UUID: UsageLog]
    ) -> Bool {
        guard var log, log.status == .pending else { return false }
        for _ in 0...lapsed.count {
            guard let parent = log.parentID.flatMap({ known[$0] }), parent.status == .pending,
                !parent.mayLapse || parent.expiresAt >= log.expiresAt
            else { return false }
            if !lapsed.contains(parent.id) { return true }
            log = parent
        }
        return false
    }
}
