import JSON

/// A refusal in Stripe's own shape: an HTTP status and an `error` object.
///
/// The members and the statuses follow docs.stripe.com/api/errors.
package struct StripeError: Error {
    var status: Int
    var type: String
    var code: String?
    var message: String
    var param: String?
    var declineCode: String?
    var paymentIntent: JSONValue?
    /// The refusal tells of something that has happened, such as a try of a payment.
    var keepsChanges = false

    init(
        _ status: Int, _ type: String, _ message: String, code: String? = nil,
        param: String? = nil
    ) {
        self.status = status
        self.type = type
        self.code = code
        self.message = message
        self.param = param
    }

    /// A request whose parameters cannot be used: 400.
    static func invalid(
        _ message: String, param: String? = nil, code: String? = nil
    ) -> StripeError {
        StripeError(400, "invalid_request_error", message, code: code, param: param)
    }

    /// An object that does not exist: 404 where the path names it, 400 where a parameter does.
    static func missing(_ kind: Kind, _ id: String, param: String = "id") -> StripeError {
        StripeError(
            param == "id" ? 404 : 400, "invalid_request_error",
            "No such \(kind.spokenName): '\(id)'", code: "resource_missing", param: param)
    }

    /// A payment that did not go through although its parameters were valid: 402.
    static func card(_ failure: CardFailure, paymentIntent: JSONValue?) -> StripeError {
        var error = StripeError(402, "card_error", failure.message, code: failure.code)
        error.declineCode = failure.declineCode
        error.paymentIntent = paymentIntent
        return error
    }

    var body: JSONValue {
        var error: JSONObject = ["type": .string(type), "message": .string(message)]
        if let code {
            error["code"] = .string(code)
            error["doc_url"] = .string("https://stripe.com/docs/error-codes/\(code)")
        }
        if let param { error["param"] = .string(param) }
        if let declineCode { error["decline_code"] = .string(declineCode) }
        if let paymentIntent { error["payment_intent"] = paymentIntent }
        return ["error": .object(error)]
    }
}
