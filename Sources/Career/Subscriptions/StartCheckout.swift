import FoundationEssentials
import HTTPEndpoint

struct StartCheckout: Action {
    let billing: CareerBillingService

    static let about = About(
        "Buy a plan on Stripe's checkout page",
        details: """
            A user has at most one open page: asking again for the same returns it. The trial is \
            given once a user.
            """,
        access: .user,
        refusals: [
            .planNotFound, .alreadySubscribed, .checkoutSuperseded, .paymentProviderUnavailable,
            .paymentProviderError,
        ])

    func read(_ input: inout InputReader) -> CareerCheckoutRequest {
        input.body(CareerCheckoutRequest.self)
    }

    func perform(
        _ request: CareerCheckoutRequest, _ call: Call
    ) async throws -> Reply<CareerCheckoutResponse> {
        Reply(
            try await billing.checkout(
                request, user: call.user().userID, requestID: call.id))
    }
}

struct CareerCheckoutRequest: JSONInput {
    let planID: UUID
    let successURL: String
    let cancelURL: String

    static let about = "Which plan, and where to come back to."

    init(_ reader: inout ObjectReader) {
        planID = reader.required("plan_id", .uuid, "A paid plan.")
        successURL = reader.required(
            "success_url", .webAddress,
            "Where the user comes back to; `{CHECKOUT_SESSION_ID}` in it is filled in.")
        cancelURL = reader.required(
            "cancel_url", .webAddress, "Where the user comes back to without having paid.")
    }
}

struct CareerCheckoutResponse: JSONObjectOutput {
    let checkoutURL: String
    let sessionID: String

    static let about = "A page on which to pay."
    static let fields: [OutputField<CareerCheckoutResponse>] = [
        OutputField("checkout_url", .text, "Send the user there.") { $0.checkoutURL },
        OutputField("session_id", .text, "The checkout's id at Stripe.") { $0.sessionID },
    ]
}

extension InputKind where Value == String {
    /// An absolute address that a browser can be sent to; nothing else may be, or it could be made
    /// to run a script.
    static var webAddress: InputKind<String> {
        .text(1...2048, format: "uri")
            .satisfying("url", "must be an absolute http or https address") { text in
                let address = text.replacing("{CHECKOUT_SESSION_ID}", with: "CHECKOUT_SESSION_ID")
                guard address.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
                    let url = URL(string: address), let scheme = url.scheme?.lowercased()
                else { return false }
                return (scheme == "http" || scheme == "https") && url.host?.isEmpty == false
                    && url.user == nil
            }
    }
}
