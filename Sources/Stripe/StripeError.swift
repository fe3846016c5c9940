import FoundationEssentials

/// What a call to Stripe answers; `nil` if Stripe does not know what it names.
package func ifKnown<Value: Sendable>(
    _ call: () async throws(StripeError) -> Value
) async throws(StripeError) -> Value? {
    do {
        return try await call()
    } catch {
        guard case .notFound = error.kind else { throw error }
        return nil
    }
}

/// Why a call to Stripe did not succeed.
///
/// Stripe's own message is left behind: it can name keys, addresses and ids. What is kept are its
/// stable codes (https://docs.stripe.com/error-codes), a sentence of ours for each kind, and the
/// request id, by which Stripe's dashboard finds the rest.
public struct StripeError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: Sendable, Equatable {
        /// The payment failed; what was asked for has not happened.
        case card(code: String?, declineCode: String?)
        /// Stripe does not accept the request as it is; sending it again cannot help.
        case invalidRequest(code: String?, parameter: String?)
        /// What the request names does not exist (`resource_missing`). `parameter` is the field
        /// that names it, nil or `id` for the object of the URL.
        case notFound(parameter: String?)
        /// The key was used before with another input: a mistake of ours.
        case idempotency
        /// Another request holds the same key or object; later it may succeed.
        case conflict
        /// The secret key is wrong or was withdrawn.
        case authentication
        /// The secret key may not do this.
        case permission
        case rateLimited(retryAfter: Duration?)
        /// No answer, or one that says Stripe is in trouble. It may have acted all the same.
        case unavailable
        /// The answer is not what Stripe documents. `field` says where.
        case malformedResponse(field: String)
        /// The object is of the other mode than the key: test data in a live service, or the
        /// other way round.
        case wrongMode
    }

    public let kind: Kind
    /// The HTTP status, where there was an answer.
    public let status: Int?
    /// Stripe's `Request-Id`, where there was an answer.
    public let requestID: String?

    public init(_ kind: Kind, status: Int? = nil, requestID: String? = nil) {
        self.kind = kind
        self.status = status
        self.requestID = requestID
    }

    /// Whether the same request with the same idempotency key may succeed later.
    public var mayRetry: Bool {
        switch kind {
        case .conflict, .rateLimited, .unavailable: true
        default: false
        }
    }

    /// Whether Stripe says no to what was asked for as things stand there: the object is gone, or
    /// in a state that does not allow it.
    public var isRefusal: Bool {
        switch kind {
        case .invalidRequest, .notFound: true
        default: false
        }
    }

    /// Whether Stripe has answered the idempotency key for good: it repeats that answer for a day,
    /// a 500 too, so that another attempt needs another key
    /// (https://docs.stripe.com/api/idempotent_requests). A limit and a conflict come before the
    /// key counts, and where there was no answer the same key finds what was done.
    public var usesUpIdempotencyKey: Bool {
        guard status != nil else { return false }
        switch kind {
        case .conflict, .rateLimited: return false
        default: return true
        }
    }

    /// Whether the customer that the request names is unknown to Stripe, or deleted there.
    public var isUnknownCustomer: Bool {
        if case .notFound("customer") = kind { true } else { false }
    }

    /// Whether the bank wants to hear from the card's owner before it pays (3-D Secure).
    public var needsAuthentication: Bool {
        guard case .card(let code, let declineCode) = kind else { return false }
        return declineCode == "authentication_required"
            || ["authentication_required", "subscription_payment_intent_requires_action"]
                .contains(code)
    }

    /// One sentence that may be shown to the user.
    public var sentence: String {
        switch kind {
        case .card(let code, let declineCode):
            needsAuthentication
                ? "Your bank asks you to confirm this payment."
                : cardSentence(declineCode ?? code)
        case .invalidRequest, .idempotency:
            "The payment provider did not accept the request."
        case .notFound: "The payment provider does not know this object."
        case .conflict: "Another change is under way. Please try again in a moment."
        case .authentication, .permission, .wrongMode:
            "The payment provider is not set up correctly."
        case .rateLimited, .unavailable:
            "The payment provider cannot be reached at the moment. Please try again later."
        case .malformedResponse:
            "The payment provider gave an answer that could not be understood."
        }
    }

    /// For logs: the kind with its codes, and how to find the request at Stripe.
    public var description: String {
        var text = "Stripe: \(kind)"
        if let status { text += ", status \(status)" }
        if let requestID { text += ", request \(requestID)" }
        return text
    }

    /// Lost and stolen cards, and suspicion of fraud, must read like any other decline
    /// (https://docs.stripe.com/declines/codes).
    private func cardSentence(_ code: String?) -> String {
        switch code {
        case "insufficient_funds": "Your card has insufficient funds."
        case "expired_card": "Your card has expired."
        case "incorrect_cvc", "invalid_cvc": "Your card's security code is incorrect."
        case "incorrect_number", "invalid_number": "Your card's number is incorrect."
        case "processing_error": "Your card could not be charged. Please try again in a moment."
        default: "Your card was declined."
        }
    }
}

/// Makes something under an idempotency key of its name, so that processes that start at once make
/// one. Stripe repeats a failure for its key for a day: past it another key leads.
package func once<Made>(
    _ key: String, _ make: (String) async throws(StripeError) -> Made
) async throws(StripeError) -> Made {
    do {
        return try await make(key)
    } catch {
        guard error.usesUpIdempotencyKey, error.kind == .unavailable || error.kind == .idempotency
        else { throw error }
        return try await make("\(key)-\(UUID().uuidString.lowercased())")
    }
}
