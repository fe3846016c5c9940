import Database
import FoundationEssentials
import HTTPEndpoint
import Ledger
import LedgerStore
import Values

/// What a user does with their one Career subscription.
public struct CareerSubscriptionService: Sendable {
    package let database: any Database
    private let ledger: CareerLedger
    private let catalog: CatalogStore
    private let clock: DecisionClock

    public init(
        database: any Database, ledger: CareerLedger, catalog: CatalogStore, clock: DecisionClock
    ) {
        self.database = database
        self.ledger = ledger
        self.catalog = catalog
        self.clock = clock
    }

    /// Gives the user the Free plan where they have no subscription; otherwise returns the one
    /// they have, whatever its plan.
    ///
    /// - Parameters:
    ///   - former: what is remembered of an earlier account of the same email.
    ///   - refusal: what the activation hangs on besides the ledger.
    ///   - alongside: runs in the same database transaction.
    /// - Throws: ``Problem`` 401 where the user is gone, and the refusal.
    public func createFreeSubscription(
        for userID: UUID, former: FormerAccount?,
        unless refusal: @escaping @Sendable (any DatabaseConnection) throws -> Problem? = { _ in
            nil
        },
        alongside: (
            @Sendable (any DatabaseConnection, ActivateFreeSubscription.Outcome) throws -> Void
        )? = nil
    ) async throws -> Account {
        let command = ActivateFreeSubscription(
            userID: userID,
            subscriptionID: .version7(at: clock.now(), randomness: .random(in: .min ... .max)),
            former: former)
        let answer = try await ledger.perform(command, unless: refusal, alongside: alongside)
        switch try answer.get() {
        case .existing(let account), .created(let account): return account
        // Deleted since their token was looked at.
        case .unknownUser: throw Problem.unauthorized
        }
    }

    /// The user's subscription as it stands now; `nil` where there is none.
    public func subscription(
        of userID: UUID
    ) async throws -> (account: Account, plan: Plan)? {
        guard let account = try await ledger.look(at: SettleAccount(userID: userID)).account else {
            return nil
        }
        guard
            let plan = try await catalog.current(in: database).plan(account.subscription.planID)
        else { throw DatabaseError.decoding("a subscription's plan is not in the catalog") }
        return (account, plan)
    }
}
