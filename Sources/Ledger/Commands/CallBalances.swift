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
        for index in logs.indices {
            let was = known[logs[index].id]
            if was == nil { logs[index].balances.before = balance + logs[index].creditsReserved }
            let isEnd = logs[index].status != .pending && was?.status != logs[index].status
            if isEnd { logs[index].balances.after = balance }
        }
    }
}
