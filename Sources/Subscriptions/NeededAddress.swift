import Billing
import Foundation
import HTTPEndpoint
import Stripe

extension StripeError {
    /// Whether Stripe cannot add tax, because it does not know where the customer lives
    /// (https://docs.stripe.com/tax/customer-locations).
    fileprivate var needsAddress: Bool {
        guard case .invalidRequest(let code, _) = kind else { return false }
        return code == "customer_tax_location_invalid"
    }
}

extension CareerBillingService {
    /// Asks Stripe for what may need the customer's address.
    ///
    /// - Throws: ``Problem/addressRequired`` with the page on which it is entered.
    package func withAddress<Value: Sendable>(
        of customerID: String, _ ask: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await ask()
        } catch let error as StripeError where error.needsAddress {
            let configuration = try await PortalConfiguration(stripe: stripe).ofSessions()
            let session = try await stripe.createPortalSession(
                NewStripePortalSession(
                    customerID: customerID, returnURL: sale.returnURL,
                    configurationID: configuration?.id))
            var problem = Problem.addressRequired
            problem.members["url"] = session.url
            throw problem
        }
    }
}
