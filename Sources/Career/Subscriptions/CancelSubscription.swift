import HTTPEndpoint

struct CancelSubscription: Action {
    let billing: CareerBillingService

    static let about = About(
        "Cancel at the period's end, or at once", access: .user,
        refusals: [
            .subscriptionNotFound, .nothingToCancel, .paymentProviderUnavailable,
            .paymentProviderError,
        ])

    func read(_ input: inout InputReader) -> CareerCancelRequest {
        input.optionalBody(CareerCancelRequest.self)
    }

    func perform(
        _ request: CareerCancelRequest, _ call: Call
    ) async throws -> Reply<MessageResponse> {
        let message = try await billing.cancel(
            atPeriodEnd: request.cancelAtPeriodEnd, user: call.user().userID,
            requestID: call.id)
        return Reply(MessageResponse(message))
    }
}

struct CareerCancelRequest: JSONInput {
    let cancelAtPeriodEnd: Bool

    static let about = "When to end."

    init(_ reader: inout ObjectReader) {
        cancelAtPeriodEnd = reader.optional(
            "cancel_at_period_end", .bool, default: true, "true if not given.")
    }
}
