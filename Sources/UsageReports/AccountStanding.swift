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
        standing(by: clock, of: try await look(at: SettleAccount(userID: accountID)))
    }

    /// The same of many accounts, each in its place, for a caller who holds the connection.
    package func standings(
        of accountIDs: [UUID], by clock: DecisionClock, in connection: any DatabaseConnection
    ) throws -> [AccountStanding?] {
        try look(at: accountIDs.map { SettleAccount(userID: $0) }, in: connection)
            .map { standing(by: clock, of: $0) }
    }

    private func standing(
        by clock: DecisionClock, of settled: SettleAccount.Outcome
    ) -> AccountStanding? {
        settled.account.map {
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
