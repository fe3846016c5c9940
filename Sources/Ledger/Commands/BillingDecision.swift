import FoundationEssentials
import Values

extension BillingChange {
    /// Of a subscription that is not the account's, or no longer: what it left over goes back with
    /// its money, and nothing else changes.
    mutating func decision(
        ofStranger snapshot: BillingSnapshot, _ outcome: ApplyBilling.Outcome
    ) -> Decision<ApplyBilling.Outcome> {
        takeBackRollovers(snapshot)
        var decision = decision()
        decision.outcome = outcome
        return decision
    }

    /// What is to be written of the account on its way, and what is to be told.
    func decision() -> Decision<ApplyBilling.Outcome> {
        var account = account
        let isChanged = account != before || !grants.isEmpty || !logs.isEmpty
        if isChanged { account.context.decidedAt = now }
        var events = events
        if account.subscription != before.subscription { account.subscription.updatedAt = now }
        // What changes leaves a line or a grant: the account's last decision is one of its rows'.
        let isTold =
            !events.isEmpty || !grants.isEmpty && account.subscription == before.subscription
        if isChanged && !isTold { events = [.updated] }
        var decision = Decision<ApplyBilling.Outcome>(
            .applied(account, events), account: account)
        decision.grants = grants
        decision.logs = logs
        decision.history = events.map {
            SubscriptionChange(event: $0.rawValue, subscription: account.subscription, at: now)
        }
        return decision
    }
}
