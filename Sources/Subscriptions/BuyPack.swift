import Billing
import Database
import Foundation
import HTTPEndpoint
import Ledger
import Packs
import Stripe
import Values

/// `POST /career/credits/checkout`: a page on which a user buys a pack of credits.
package struct BuyPack: Action {
    let billing: CareerBillingService

    package init(billing: CareerBillingService) {
        self.billing = billing
    }

    package static let about = About(
        "Buy a pack of credits on Stripe's checkout page",
        details: """
            What the pack says now is granted once its payment is there, whatever the catalog says \
            then. Asking again for the same leads to the same page while it is open.
            """,
        access: .user,
        refusals: [
            .packNotFound, .subscriptionInactive, .paymentProviderUnavailable,
            .paymentProviderError,
        ])

    package func read(_ input: inout InputReader) -> PackCheckoutRequest {
        input.body(PackCheckoutRequest.self)
    }

    package func perform(
        _ request: PackCheckoutRequest, _ call: Call
    ) async throws -> Reply<CareerCheckoutResponse> {
        let user = try call.user().userID
        let catalog = try await billing.catalog.current(in: billing.database)
        guard let pack = catalog.pack(request.packID), pack.isActive else {
            throw Problem.packNotFound
        }
        let ways = PackPurchases.Ways(
            successURL: request.successURL, cancelURL: request.cancelURL)
        return try await billing.checkoutTurns.inTurn(user) {
            guard try await billing.ledger.look(at: AskEntitlement(userID: user)) else {
                throw Problem.subscriptionInactive
            }
            let purchases = PackPurchases(database: billing.database)
            let latest = billing.clock.now().adding(seconds: CareerBillingService.pageReserve)
            let known = try await purchases.openPage(of: pack, for: user, ways, until: latest)
            if let known, try await billing.page(known.sessionID)?.status == .open {
                return Reply(
                    CareerCheckoutResponse(checkoutURL: known.url, sessionID: known.sessionID))
            }
            return Reply(try await open(pack, for: user, ways, purchases, requestID: call.id))
        }
    }

    private func open(
        _ pack: CreditPack, for user: UUID, _ ways: PackPurchases.Ways,
        _ purchases: PackPurchases, requestID: String
    ) async throws -> CareerCheckoutResponse {
        let now = billing.clock.now()
        let purchase = try await purchases.begin(
            pack, for: user, ways, at: now,
            expiresAt: now.adding(seconds: CareerBillingService.pageLifetime))
        let keys = PackPurchases.customerKeys(of: purchase.id)
        do {
            return try await page(purchase, pack, ways, purchases, keys[0], requestID: requestID)
        } catch let error as StripeError where error.isUnknownCustomer {
            // The customer was deleted at Stripe, or is another account's: a new one is made.
            let account = try await billing.subscription(of: user).account
            guard let gone = account.subscription.stripeCustomerID else { throw error }
            try await billing.mirror.forget(gone, requestID: requestID)
            return try await page(purchase, pack, ways, purchases, keys[1], requestID: requestID)
        }
    }

    private func page(
        _ purchase: PackPurchase, _ pack: CreditPack, _ ways: PackPurchases.Ways,
        _ purchases: PackPurchases, _ customerKey: String, requestID: String
    ) async throws -> CareerCheckoutResponse {
        let account = try await billing.subscription(of: purchase.userID).account
        let price = try await billing.prices.price(of: pack)
        let customer = try await billing.customer(
            of: account, key: customerKey, requestID: requestID)
        let session = try await billing.stripe.createPaymentSession(
            NewStripePaymentSession(
                customerID: customer, priceID: price.id,
                clientReferenceID: purchase.userID.text, successURL: ways.successURL,
                cancelURL: ways.cancelURL,
                metadata: purchase.metadata), "pack-\(purchase.id.text)-\(UUID().text)")
        guard let url = session.url else { throw Problem.paymentProviderUnavailable }
        try await purchases.opened(
            purchase.id, PackPurchases.Page(sessionID: session.id, url: url),
            expiresAt: Timestamp(ofStripe: session.expiresAt))
        return CareerCheckoutResponse(checkoutURL: url, sessionID: session.id)
    }
}

package struct PackCheckoutRequest: JSONInput {
    let packID: UUID
    let successURL: String
    let cancelURL: String

    package init(packID: UUID, successURL: String, cancelURL: String) {
        self.packID = packID
        self.successURL = successURL
        self.cancelURL = cancelURL
    }

    package static let about = "Which pack, and where to come back to."

    package init(_ reader: inout ObjectReader) {
        packID = reader.required("pack_id", .uuid, "A pack that is sold.")
        successURL = reader.required(
            "success_url", .webAddress,
            "Where the user comes back to; `{CHECKOUT_SESSION_ID}` in it is filled in.")
        cancelURL = reader.required(
            "cancel_url", .webAddress, "Where the user comes back to without having paid.")
    }
}

extension Problem {
    package static let packNotFound = Problem(
        404, "pack_not_found", "Pack not found", "There is no pack of credits with this id.")
    static let subscriptionInactive = Problem(
        409, "subscription_inactive", "Subscription inactive",
        "Credits could not be used now: activate a plan, or settle its payment, first.")
}
