import Billing
import HTTPEndpoint
import UsageReports

/// `GET /career/usage/limits`: my own brakes, and what counts against them.
package struct GetSpendingLimits: Action {
    let quota: CareerQuotaService

    package static let about = About(
        "My own limits of what I spend",
        details: """
            In a UTC day and in a UTC calendar month; null is no limit. `used` is what was charged \
            in the running day and month, limited or not.
            """,
        access: .user, refusals: [.subscriptionNotFound])

    package func read(_ input: inout InputReader) {}

    package func perform(
        _ input: Void, _ call: Call
    ) async throws -> Reply<SpendingStandingResponse> {
        let standing = SpendingStandingResponse(
            try await quota.limits(of: call.user().userID))
        guard let standing else { throw Problem.subscriptionNotFound }
        return Reply(standing)
    }
}

/// `PUT /career/usage/limits`: puts brakes on, or takes them off.
package struct PutSpendingLimits: Action {
    let quota: CareerQuotaService

    package static let about = About(
        "Limit what I spend",
        details: """
            Replaces all limits. A call is refused (429 `spending_limit_reached`) if what was \
            charged in the window, all that is held now and the call's price are more than the \
            limit; 0 stops all. What is running goes on. Each percentage of `alert_at` is mailed \
            once a limit and window.
            """,
        access: .user, refusals: [.subscriptionNotFound])

    package func read(_ input: inout InputReader) -> SpendingLimitsRequest {
        input.body(SpendingLimitsRequest.self)
    }

    package func perform(
        _ request: SpendingLimitsRequest, _ call: Call
    ) async throws -> Reply<SpendingStandingResponse> {
        let standing = SpendingStandingResponse(
            try await quota.limit(call.user().userID, to: request.limits))
        guard let standing else { throw Problem.subscriptionNotFound }
        return Reply(standing)
    }
}
