import Billing
import Foundation
import Packs
import Stripe

extension CareerBillingService {
    /// The member of an invoice's metadata that names an automatic purchase.
    package static let topUpKey = "cuebx_top_up_id"

    /// Ends whatever the user pays for and forgets them at Stripe, before the account is erased.
    /// Each subscription is canceled by its own name, in whatever state it is; the customer goes
    /// last, so that a page that is still open can no longer be paid.
    package func forget(user: UUID) async throws {
        guard let found = try await subscriptions.subscription(of: user) else { return }
        if let session = try await checkouts.find(user)?.sessionID {
            try await expire(session)
        }
        for session in try await purchases.openPages(of: user) {
            try await expire(session)
        }
        var customers = try await strayCustomers(of: user)
        if let customer = found.account.subscription.stripeCustomerID { customers.insert(customer) }
        customers.formUnion(try await customersInTheMaking(of: user))
        for customer in customers.sorted() { try await forget(customer: customer) }
    }

    /// Customers whose making has begun and was not heard of: to repeat it under its key leads to
    /// the same one, whether it is there already, on its way or never came to Stripe. Nothing can
    /// begin any more by now: the deletion is noted.
    private func customersInTheMaking(of user: UUID) async throws -> [String] {
        var made: [String] = []
        let keys = try await checkouts.openCustomerKeys(of: user, at: clock.now())
        for key in keys {
            do {
                made.append(try await makeCustomer(of: user, key: key).id)
            } catch {
                guard let error = error as? StripeError, error.isRefusal else { throw error }
            }
        }
        return made
    }

    /// Deletes a customer at Stripe, and ends what they subscribe to and what can still be paid of
    /// their automatic purchases. One who is gone stays so.
    private func forget(customer: String) async throws {
        for subscription in try await listSubscriptions(of: customer) where !subscription.isOver {
            try await end(subscription)
        }
        try await voidTopUps(of: customer)
        do {
            _ = try await stripe.deleteCustomer(customer)
        } catch {
            guard case .notFound = error.kind else { throw error }
        }
    }

    /// A page of an invoice can be paid without its customer. What is paid or voided meanwhile
    /// refuses to be voided.
    private func voidTopUps(of customer: String) async throws {
        let invoices = try await ifKnown { () async throws(StripeError) in
            try await stripe.listCustomerInvoices(customer)
        }
        for invoice in invoices ?? []
        where invoice.status == .open && invoice.metadata[Self.topUpKey] != nil {
            do {
                _ = try await stripe.voidInvoice(invoice.id)
            } catch {
                guard error.isRefusal else { throw error }
            }
        }
    }

    /// Customers that were made for the user at Stripe and are not linked: the process died, or the
    /// answer was lost, before one was kept. Only who has begun a checkout can have one.
    private func strayCustomers(of user: UUID) async throws -> Set<String> {
        guard let email = try await checkouts.emailOfBuyer(user) else {
            return []
        }
        return Set(
            try await stripe.listCustomers(email)
                .filter { $0.metadata[product.holderKey] == user.text && !$0.isDeleted }.map(\.id))
    }

    /// Deletes a customer whose user was erased. A Stripe that is away delays it and uses up no
    /// tries.
    package func forgetErased(_ customer: String) async throws {
        do {
            try await forget(customer: customer)
        } catch let error as StripeError where error.mayRetry {
            throw error.postponement
        }
    }

    /// A customer who is gone subscribes to nothing.
    private func listSubscriptions(of customer: String) async throws -> [StripeSubscription] {
        do {
            return try await stripe.listSubscriptions(customer)
        } catch {
            guard case .notFound = error.kind else { throw error }
            return []
        }
    }
}
