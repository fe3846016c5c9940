import Billing
import Database
import Foundation
import HTTPEndpoint
import Ledger
import Stripe
import Users
import Values

extension CareerBillingService {
    /// The user's one customer at Stripe. The idempotency key makes two racing first checkouts
    /// meet in one, and the next attempt after a crash or a lost answer find it. Once Stripe has
    /// refused, it would repeat the refusal for a day: the next attempt has a new key.
    ///
    /// - Parameter key: what ``Checkouts`` keeps for the user's first customer.
    /// - Throws: ``Problem`` 401 where the user was erased meanwhile; then nothing of them stays at
    ///   Stripe.
    package func customer(
        of account: Account, key: String, requestID: String
    ) async throws -> String {
        if let known = account.subscription.stripeCustomerID { return known }
        let user = account.subscription.userID
        let customer: StripeCustomer
        do {
            customer = try await makeCustomer(of: user, key: key)
        } catch let error as StripeError where error.usesUpIdempotencyKey {
            try await checkouts.forgetCustomerKey(key)
            throw error
        }
        let linked = try await ledger.perform(
            LinkCustomer(userID: user, customerID: customer.id),
            alongside: { [product] connection, _ in
                try product.forgetCustomerKey(key, in: connection)
            })
        // Nobody has this one: the user was erased meanwhile, or another checkout was first.
        if linked != customer.id {
            let now = clock.now()
            try await database.write { [erased] connection in
                try erased.handOver(
                    customer.id, requestID: requestID, in: connection, now: now)
            }
        }
        guard let linked else { throw Problem.unauthorized }
        return linked
    }

    /// Makes a customer, or finds the one that was made under the key.
    package func makeCustomer(of user: UUID, key: String) async throws -> StripeCustomer {
        let email = try await database.read { [product] in try product.address(user, $0) }
        return try await stripe.createCustomer(
            NewStripeCustomer(
                userID: user.text, holderKey: product.holderKey, email: email), key)
    }
}
