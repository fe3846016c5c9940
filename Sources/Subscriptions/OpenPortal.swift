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
        let url = try await billing.openPortal(
            of: call.user().userID, returnURL: returnURL, requestID: call.id
        ) { try await PortalConfiguration(stripe: billing.stripe).ofSessions()?.id }
        return Reply(PortalResponse(url: url))
    }
}

extension CareerBillingService {
    /// - Parameter configuration: what the page offers; `nil` for the account's default one.
    /// - Returns: the address of Stripe's page, which may be opened once.
    /// - Throws: ``Problem/noBillingAccount``, and what Stripe's client throws.
    package func openPortal(
        of holder: UUID, returnURL: String, requestID: String,
        configuration: () async throws -> String?
    ) async throws -> String {
        let (account, _) = try await subscription(of: holder)
        guard let customer = account.subscription.stripeCustomerID,
            try await !isReplacement(account.subscription.id)
        else { throw Problem.noBillingAccount }
        let configuration = try await configuration()
        do {
            return try await stripe.createPortalSession(
                NewStripePortalSession(
                    customerID: customer, returnURL: returnURL, configurationID: configuration)
            ).url
        } catch {
            guard error.isUnknownCustomer else { throw error }
            try await mirror.forget(customer, requestID: requestID)
            throw Problem.noBillingAccount
        }
    }

    /// Whether the customer took the place of one that Stripe has no longer, and nothing was bought
    /// since: the billing account that the user had is gone, and there is no other yet.
    private func isReplacement(_ subscription: UUID) async throws -> Bool {
        let tables = product.tables
        return try await database.read { connection in
            try LinkedSubscription.hasBoughtNothing(
                since: UnlinkCustomer.event, subscription, of: tables, in: connection)
        }
    }
}

package struct PortalResponse: JSONObjectOutput {
    package let url: String

    package init(url: String) {
        self.url = url
    }

    package static let about = "A page that may be opened once."
    package static let fields: [OutputField<PortalResponse>] = [
        OutputField("url", .text, "Send the user there.") { $0.url }
    ]
}
