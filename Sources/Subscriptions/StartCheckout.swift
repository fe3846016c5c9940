import Billing
import Database
import Foundation
import HTTPEndpoint
import Ledger
import LedgerStore
import Stripe
import Users
import Values

package struct StartCheckout: Action {
    let billing: CareerBillingService

    package init(billing: CareerBillingService) {
        self.billing = billing
    }

    package static let about = About(
        "Buy a plan on Stripe's checkout page",
        details: """
            A user has at most one open page: asking again for the same returns it. The trial is \
            given once a user.
            """,
        access: .user,
        refusals: [
            .planNotFound, .subscriptionNotFound, .alreadySubscribed, .checkoutSuperseded,
            .paymentProviderUnavailable, .paymentProviderError,
        ])

    package func read(_ input: inout InputReader) -> CareerCheckoutRequest {
        input.body(CareerCheckoutRequest.self)
    }

    package func perform(
        _ request: CareerCheckoutRequest, _ call: Call
    ) async throws -> Reply<CareerCheckoutResponse> {
        Reply(try await checkout(request, user: call.user().userID, requestID: call.id))
    }

    private func checkout(
        _ request: CareerCheckoutRequest, user: UUID, requestID: String
    ) async throws -> CareerCheckoutResponse {
        let plan = try await billing.planForSale(request.planID)
        return try await billing.openCheckout(
            CheckoutSale(
                order: request.order, plan: plan,
                before: {
                    _ = try await billing.subscriptions.createFreeSubscription(
                        for: user, former: nil)
                },
                trialDays: { $0.subscription.trialUsed ? 0 : plan.trialDays },
                takesCodes: { try await mayEnterCode($0) }),
            of: user, requestID: requestID)
    }

    /// Codes are for who has never bought a plan, here or under an account that they deleted: who
    /// cancels and comes back pays what everybody pays.
    private func mayEnterCode(_ account: Account) async throws -> Bool {
        guard billing.sale.offersPromotionCodes, !account.subscription.trialUsed else {
            return false
        }
        let id = account.subscription.userID
        return try await billing.database.read { [former = billing.former] connection in
            if try LinkedSubscription.hasEverBought(user: id, in: connection) { return false }
            guard let user = try UserRow.find(id: id, in: connection) else { return false }
            return try !former.haveBought(former.key(of: user), in: connection)
        }
    }
}

package struct CareerCheckoutRequest: JSONInput {
    let planID: UUID
    let successURL: String
    let cancelURL: String

    package init(planID: UUID, successURL: String, cancelURL: String) {
        self.planID = planID
        self.successURL = successURL
        self.cancelURL = cancelURL
    }

    var order: Checkouts.Order {
        Checkouts.Order(planID: planID, successURL: successURL, cancelURL: cancelURL)
    }

    package static let about = "Which plan, and where to come back to."

    package init(_ reader: inout ObjectReader) {
        planID = reader.required("plan_id", .uuid, "A paid plan.")
        successURL = reader.required(
            "success_url", .webAddress,
            "Where the user comes back to; `{CHECKOUT_SESSION_ID}` in it is filled in.")
        cancelURL = reader.required(
            "cancel_url", .webAddress, "Where the user comes back to without having paid.")
    }
}
