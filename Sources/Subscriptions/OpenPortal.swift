import Billing
import Database
import Foundation
import HTTPEndpoint
import Ledger
import LedgerStore
import Stripe

package struct OpenPortal: Action {
    let billing: CareerBillingService
    /// Where Stripe's page leads back to.
    let returnURL: String

    package init(billing: CareerBillingService, returnURL: String) {
        self.billing = billing
        self.returnURL = returnURL
    }

    package static let about = About(
        "Stripe's page for cards and invoices", access: .user,
        refusals: [
            .subscriptionNotFound, .noBillingAccount, .paymentProviderUnavailable,
            .paymentProviderError,
        ])

    package func read(_ input: inout InputReader) {}

    package func perform(_ input: Void, _ call: Call) async throws -> Reply<PortalResponse> {
        let (account, _) = try await billing.subscription(of: call.user().userID)
        guard let customer = account.subscription.stripeCustomerID,
            try await !isReplacement(account.subscription.id)
        else { throw Problem.noBillingAccount }
        let configuration = try await PortalConfiguration(stripe: billing.stripe).ofSessions()
        do {
            let session = try await billing.stripe.createPortalSession(
                NewStripePortalSession(
                    customerID: customer, returnURL: returnURL,
                    configurationID: configuration?.id))
            return Reply(PortalResponse(url: session.url))
        } catch {
            guard error.isUnknownCustomer else { throw error }
            try await billing.mirror.forget(customer, requestID: call.id)
            throw Problem.noBillingAccount
        }
    }

    /// Whether the customer took the place of one that Stripe has no longer, and nothing was bought
    /// since: the billing account that the user had is gone, and there is no other yet.
    private func isReplacement(_ subscription: UUID) async throws -> Bool {
        try await billing.database.read { connection in
            try LinkedSubscription.hasBoughtNothing(
                since: UnlinkCustomer.event, subscription, in: connection)
        }
    }
}

package struct PortalResponse: JSONObjectOutput {
    package let url: String

    package static let about = "A page that may be opened once."
    package static let fields: [OutputField<PortalResponse>] = [
        OutputField("url", .text, "Send the user there.") { $0.url }
    ]
}
