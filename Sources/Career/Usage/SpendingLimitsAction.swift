import HTTPEndpoint
import Ledger
import Metering
import Values

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
        let standing = try await quota.limits(of: call.user().userID)
        return Reply(try SpendingStandingResponse(standing))
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
        let standing = try await quota.limit(call.user().userID, to: request.limits)
        return Reply(try SpendingStandingResponse(standing))
    }
}

package struct SpendingLimitsRequest: JSONInput {
    let limits: SpendingLimits

    package static let about = "The limits from now on; what is left out is not limited."

    package init(_ reader: inout ObjectReader) {
        limits = SpendingLimits(
            daily: reader.optional(
                "daily_credits", .credits(from: .zero), "At most so much in a UTC day."),
            monthly: reader.optional(
                "monthly_credits", .credits(from: .zero), "At most so much in a UTC month."),
            alertAt: reader.optional(
                "alert_at", .list(of: .integer(1...100), atMost: 10),
                "Percentages at which to mail; 50, 80 and 100 if not given.")
                ?? SpendingLimits.usualAlerts)
    }

    package init(_ limits: SpendingLimits) {
        self.limits = limits
    }
}

package struct SpendingLimitsResponse: JSONObjectOutput {
    let limits: SpendingLimits

    package init(_ limits: SpendingLimits) {
        self.limits = limits
    }

    package static let schemaName = "SpendingLimits"
    package static let about = "What a user lets themselves spend."
    package static let fields: [OutputField<SpendingLimitsResponse>] = [
        OutputField("daily_credits", .nullable(.credits), "In a UTC day; null: no limit.") {
            $0.limits.daily
        },
        OutputField("monthly_credits", .nullable(.credits), "In a UTC month; null: no limit.") {
            $0.limits.monthly
        },
        OutputField("alert_at", .array(.integer), "Percentages at which is mailed.") {
            $0.limits.alertAt
        },
    ]
}

package struct SpendingStandingResponse: JSONObjectOutput {
    package let limits: SpendingLimits
    package let day: Credits
    package let month: Credits

    /// - Throws: ``Problem`` 404 without an account.
    init(_ standing: SpendingStanding) throws(Problem) {
        guard case .stands(let limits, let day, let month) = standing else {
            throw .subscriptionNotFound
        }
        self.limits = limits
        self.day = day
        self.month = month
    }

    package static let about = "What a user lets themselves spend, and what they have spent."
    package static let fields =
        SpendingLimitsResponse.fields.map { field in
            field.of { (standing: SpendingStandingResponse) in
                SpendingLimitsResponse(standing.limits)
            }
        } + [
            OutputField("used", .object, "What was charged.") { SpentResponse(standing: $0) }
        ]
}

struct SpentResponse: JSONObjectOutput {
    let standing: SpendingStandingResponse

    static let schemaName = "Spent"
    static let about = "What was charged in the running windows."
    static let fields: [OutputField<SpentResponse>] = [
        OutputField("daily_credits", .credits, "Since the UTC day began.") { $0.standing.day },
        OutputField("monthly_credits", .credits, "Since the UTC month began.") {
            $0.standing.month
        },
    ]
}
