import HTTPEndpoint
import Stripe

struct OpenPortal: Action {
    let billing: CareerBillingService
    /// Where Stripe's page leads back to.
    let returnURL: String

    static let about = About(
        "Stripe's page for cards and invoices", access: .user,
        refusals: [
            .subscriptionNotFound, .noBillingAccount, .paymentProviderUnavailable,
            .paymentProviderError,
        ])

    func read(_ input: inout InputReader) {}

    func perform(_ input: Void, _ call: Call) async throws -> Reply<PortalResponse> {
        let (account, _) = try await billing.subscription(of: call.user().userID)
        guard let customer = account.subscription.stripeCustomerID else {
            throw Problem.noBillingAccount
        }
        let configuration = try await PortalSetup(stripe: billing.stripe).configurationOfSessions()
        let session = try await billing.stripe.createPortalSession(
            NewStripePortalSession(
                customerID: customer, returnURL: returnURL, configurationID: configuration?.id))
        return Reply(PortalResponse(url: session.url))
    }
}

struct PortalResponse: JSONObjectOutput {
    let url: String

    static let about = "A page that may be opened once."
    static let fields: [OutputField<PortalResponse>] = [
        OutputField("url", .text, "Send the user there.") { $0.url }
    ]
}
