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
        Reply(
            try await billing.sell(
                request, to: try call.user().userID, requestID: call.id))
    }
}

extension CareerBillingService {
    /// The pack that is sold by this id.
    ///
    /// - Throws: ``Problem`` 404 `pack_not_found`.
    package func packForSale(_ id: UUID) async throws -> CreditPack {
        guard let pack = try await catalog.current(in: database).pack(id), pack.isActive else {
            throw Problem.packNotFound
        }
        return pack
    }

    /// A page on which a holder buys a pack.
    package func sell(
        _ request: PackCheckoutRequest, to holder: UUID, requestID: String
    ) async throws -> CareerCheckoutResponse {
        let pack = try await packForSale(request.packID)
        let ways = PackPurchases.Ways(
            successURL: request.successURL, cancelURL: request.cancelURL)
        return try await checkoutTurns.inTurn(holder) {
            guard try await ledger.look(at: AskEntitlement(userID: holder)) else {
                throw Problem.subscriptionInactive
            }
            let latest = clock.now().adding(seconds: Self.pageReserve)
            let known = try await purchases.openPage(of: pack, for: holder, ways, until: latest)
            if let known, try await page(known.sessionID)?.status == .open {
                return CareerCheckoutResponse(checkoutURL: known.url, sessionID: known.sessionID)
            }
            return try await open(pack, for: holder, ways, requestID: requestID)
        }
    }

    package var purchases: PackPurchases { PackPurchases(database: database, of: product) }

    private func open(
        _ pack: CreditPack, for holder: UUID, _ ways: PackPurchases.Ways, requestID: String
    ) async throws -> CareerCheckoutResponse {
        let now = clock.now()
        let purchase = try await purchases.begin(
            pack, for: holder, ways, at: now,
            expiresAt: now.adding(seconds: Self.pageLifetime))
        let keys = PackPurchases.customerKeys(of: purchase.id)
        do {
            return try await page(purchase, pack, ways, keys[0], requestID: requestID)
        } catch let error as StripeError where error.isUnknownCustomer {
            // The customer was deleted at Stripe, or is another account's: a new one is made.
            let account = try await subscription(of: holder).account
            guard let gone = account.subscription.stripeCustomerID else { throw error }
            try await mirror.forget(gone, requestID: requestID)
            return try await page(purchase, pack, ways, keys[1], requestID: requestID)
        }
    }

    private func page(
        _ purchase: PackPurchase, _ pack: CreditPack, _ ways: PackPurchases.Ways,
        _ customerKey: String, requestID: String
    ) async throws -> CareerCheckoutResponse {
        let account = try await subscription(of: purchase.userID).account
        let price = try await prices.price(of: pack)
        let customer = try await customer(of: account, key: customerKey, requestID: requestID)
        let session = try await stripe.createPaymentSession(
            NewStripePaymentSession(
                customerID: customer, priceID: price.id,
                clientReferenceID: purchase.userID.text, successURL: ways.successURL,
                cancelURL: ways.cancelURL,
                metadata: purchase.metadata(of: product)),
            "pack-\(purchase.id.text)-\(UUID().text)")
        guard let url = session.url else { throw Problem.paymentProviderUnavailable }
        try await orExpire(session.id) {
            try await purchases.opened(
                purchase.id, of: purchase.userID,
                PackPurchases.Page(sessionID: session.id, url: url),
                expiresAt: Timestamp(ofStripe: session.expiresAt), at: clock.now())
        }
        return CareerCheckoutResponse(checkoutURL: url, sessionID: session.id)
    }
}

package struct PackCheckoutRequest: JSONInput {
    package let packID: UUID
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
    package static let subscriptionInactive = Problem(
        409, "subscription_inactive", "Subscription inactive",
        "Credits could not be used now: activate a plan, or settle its payment, first.")
}
