import Database
import Foundation
import Ledger
import LedgerStore
import Stripe

/// What follows where an account has a subscription that Stripe does not know, or that belongs to
/// another customer there: keys of another account or mode, a restored database.
extension StripeMirror {
    /// Puts the account that has the subscription on Free, as if the subscription had ended with
    /// its period: what was granted stays until then, and the user can buy again. The coming months
    /// of a year follow once Stripe knows the subscription again. The operator is told.
    func endUnknown(
        _ subscriptionID: String, under token: Int64, requestID: String?
    ) async throws {
        let tables = product.tables
        let linked = try await database.read { connection in
            try LinkedSubscription.find(stripeID: subscriptionID, of: tables, in: connection)
        }
        guard let owner = linked?.userID,
            let account = try await ledger.perform(SettleAccount(userID: owner)).account,
            account.subscription.stripeSubscriptionID == subscriptionID
        else { return }
        let subscription = account.subscription
        try await notices.add(
            "unknown_subscription", subject: subscriptionID,
            "\(subscriptionID) of \(product.named(owner)) is not known to Stripe as theirs: "
                + (try await product.keepsFree(owner)
                    ? "the \(product.noun) is on Free and keeps the running period; of a year the "
                        + "coming months begin again when Stripe knows it. "
                    : "the \(product.noun) is frozen. ")
                + "Is the key that of the account that sold it?")
        let ended = BillingSnapshot(
            customerID: subscription.stripeCustomerID ?? "", subscriptionID: subscriptionID,
            planID: subscription.planID, status: .canceled, cancelAtPeriodEnd: false,
            canceledAt: subscription.canceledAt,
            endedAt: max(clock.now(), account.context.period.end),
            trialEnd: subscription.trialEnd, periods: [], changes: [])
        _ = try await apply(
            ended, of: [], seats: nil, to: owner, under: token, requestID: requestID)
    }

    /// Whether an account has this subscription though it is of another customer than the
    /// account's.
    func isLinkedToAnother(_ subscription: StripeSubscription) async throws -> Bool {
        let (id, customerID, tables) = (subscription.id, subscription.customerID, product.tables)
        return try await database.read { connection in
            try LinkedSubscription.isOfAnother(
                id, than: customerID, of: tables, in: connection)
        }
    }
}

extension StripeMirror {
    /// Gives a holder who has bought and has no account one, as their checkout did: this database
    /// was restored from before it. Nothing is granted by it.
    ///
    /// - Returns: whether there was none.
    @discardableResult
    package func open(_ holder: UUID) async throws -> Bool {
        let isMissing = try await database.read { [product] in
            try product.isToOpen(holder, $0)
        }
        guard isMissing,
            // Which plan it is the subscription tells.
            let plan = try await reader.prices.catalog.current(in: database).plans
                .first(where: { $0.kind == .paid && $0.isActive })
        else { return false }
        return try await ledger.perform(
            OpenUnpaidAccount(userID: holder, planID: plan.id, at: clock.now())) != nil
    }
}
