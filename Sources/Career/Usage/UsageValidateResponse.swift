import FoundationEssentials
import HTTPEndpoint
import HTTPTypes
import Ledger
import Values

package struct UsageValidateResponse: JSONObjectOutput {
    enum Access: String, CaseIterable, Sendable {
        case granted
        case denied
    }

    var access = Access.denied
    let userID: UUID
    var usageID: UUID?
    let message: String
    var creditsReserved = Credits.zero
    var status: UsageLog.Status?
    let code: ValidateUsage.Code
    var expiresAt: Timestamp?

    package static let about = "The decision on a call."
    package static let fields: [OutputField<UsageValidateResponse>] = [
        OutputField("access", .oneOf, "Whether the call may run.") { $0.access },
        OutputField("user_id", .uuid, "Whose call it is.") { $0.userID },
        OutputField("usage_id", .nullable(.uuid), "The log; commit with it.") { $0.usageID },
        OutputField("message", .text, "One sentence for a person.") { $0.message },
        OutputField("credits_reserved", .credits, "What the call holds.") { $0.creditsReserved },
        OutputField("status", .nullable(.oneOf), "The log's status.") { $0.status },
        OutputField("code", .oneOf, "The decision, for programs.") { $0.code },
        OutputField("expires_at", .nullable(.time), "Commit before this.") { $0.expiresAt },
    ]
}

extension UsageValidateResponse {
    package static func reply(
        to grant: ValidateUsage.Grant, userID: UUID, _ limits: [RateLimitStanding]
    ) -> Reply<UsageValidateResponse> {
        let response = UsageValidateResponse(
            access: .granted, userID: userID, usageID: grant.usageID,
            message: grant.isReplay
                ? "This request was granted before; its reservation still holds."
                : "Granted; commit how the call ended.",
            creditsReserved: grant.creditsReserved, status: .pending,
            code: grant.code, expiresAt: grant.expiresAt)
        return Reply(response, headers: rateLimitHeaders(limits))
    }

    package static func reply(
        to denial: ValidateUsage.Denial, userID: UUID, _ limits: [RateLimitStanding]
    ) -> Reply<UsageValidateResponse> {
        var headers = rateLimitHeaders(limits)
        func refuse(
            _ status: Int, _ message: String, usageID: UUID? = nil,
            _ logStatus: UsageLog.Status? = nil
        ) -> Reply<UsageValidateResponse> {
            Reply(
                UsageValidateResponse(
                    userID: userID, usageID: usageID, message: message, status: logStatus,
                    code: denial.code),
                status: status, headers: headers)
        }
        switch denial {
        case .noSubscription:
            return refuse(402, "The user has no Career subscription.")
        case .subscriptionInactive:
            return refuse(402, "The subscription is not active.")
        case .rateLimited(let seconds):
            headers[.retryAfter] = String(seconds)
            return refuse(429, "Too many calls; try again in \(seconds) s.")
        case .requestAlreadyFinished(let usageID, let status):
            return refuse(
                409,
                "This request has already ended (\(status.rawValue)); send a new request_id.",
                usageID: usageID, status)
        case .requestMismatch(let usageID, let status):
            return refuse(
                409,
                "This request_id and payload were sent for another feature or parent.",
                usageID: usageID, status)
        case .quotaExceeded(let used, let limit, let needed, let seconds):
            headers[.retryAfter] = String(max(1, seconds))
            return refuse(
                429,
                "Not enough credits: used \(used.decimal) of \(limit.decimal), "
                    + "needed \(needed.decimal).")
        case .spendingLimitReached(let refusal):
            headers[.retryAfter] = String(refusal.retryAfter)
            return refuse(429, refusal.sentence)
        case .parentEnded(let status):
            return refuse(409, "The parent call has ended (\(status.rawValue)).")
        case .parentHoldExceeded(let free, let needed):
            return refuse(429, HoldRefusal.beyondParent(free, needed))
        }
    }

    /// `X-RateLimit-{Limit,Remaining,Reset}-{Minute,Day}`, for the windows that have a limit.
    private static func rateLimitHeaders(_ limits: [RateLimitStanding]) -> HTTPFields {
        var headers = HTTPFields()
        for standing in limits {
            let names =
                standing.span == .minute ? RateLimitHeaders.minute : RateLimitHeaders.day
            headers[names.limit] = String(standing.limit)
            headers[names.remaining] = String(standing.remaining)
            headers[names.reset] = String(standing.resetAt.seconds)
        }
        return headers
    }
}

extension UsageValidateResponse {
    /// What ``rateLimitHeaders(_:)`` writes, for the document.
    static let documentedHeaders: [AnswerHeader] =
        documented(.minute, "minute") + documented(.day, "day")

    private static func documented(
        _ names: RateLimitHeaders, _ window: String
    ) -> [AnswerHeader] {
        let decided: Set<Int> = [200, 402, 409, 429]
        return [
            AnswerHeader(
                number: names.limit.rawName, on: decided,
                "Calls in a UTC calendar \(window), where the plan limits them."),
            AnswerHeader(
                number: names.remaining.rawName, on: decided,
                "Calls that are left in this \(window)."),
            AnswerHeader(
                number: names.reset.rawName, on: decided,
                "When the next \(window) begins, in Unix seconds."),
        ]
    }
}

private struct RateLimitHeaders {
    let limit: HTTPField.Name
    let remaining: HTTPField.Name
    let reset: HTTPField.Name

    static let minute = RateLimitHeaders("Minute")
    static let day = RateLimitHeaders("Day")

    /// The names are constants of tokens' characters, so they parse.
    private init(_ window: String) {
        limit = HTTPField.Name("X-RateLimit-Limit-\(window)")!
        remaining = HTTPField.Name("X-RateLimit-Remaining-\(window)")!
        reset = HTTPField.Name("X-RateLimit-Reset-\(window)")!
    }
}
