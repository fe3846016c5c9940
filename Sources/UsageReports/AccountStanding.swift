import Database
import FoundationEssentials
import Ledger
import LedgerStore
import Values

/// An account as a decision at `now` would find it.
package struct AccountStanding: Sendable {
    package let account: Account
    /// The lines of a free month that was due, which the next decision writes.
    package let begun: [CreditGrant]
    package let now: Timestamp
    /// How long after a paid period its remainder stays usable, in seconds.
    package let grace: Int64
}

extension CareerLedger {
    /// The account, brought up to now; `nil` without a subscription.
    package func standing(
        of accountID: UUID, by clock: DecisionClock
    ) async throws -> AccountStanding? {
        let settled = try await look(at: SettleAccount(userID: accountID))
        return settled.account.map {
            AccountStanding(
                account: $0, begun: settled.begun, now: max(clock.now(), $0.context.decidedAt),
                grace: spans.pastDueGrace)
        }
    }
}

extension CatalogStore {
    /// By which rule the account's plan is priced now.
    package func pricing(
        of account: Account, in database: any Database
    ) async throws -> PlanPricingRule {
        guard let plan = try await current(in: database).plan(account.subscription.planID) else {
            throw DatabaseError.decoding("a subscription's plan is not in the catalog")
        }
        return plan.pricing
    }
}
