import HTTPEndpoint
import HTTPTypes
import Ledger

/// `X-RateLimit-{Limit,Remaining,Reset}-{Minute,Day}`, for the windows that have a limit.
package struct RateLimitHeaders: Sendable {
    let limit: HTTPField.Name
    let remaining: HTTPField.Name
    let reset: HTTPField.Name

    private static let minute = RateLimitHeaders("Minute")
    private static let day = RateLimitHeaders("Day")

    /// The names are constants of tokens' characters, so they parse.
    private init(_ window: String) {
        limit = HTTPField.Name("X-RateLimit-Limit-\(window)")!
        remaining = HTTPField.Name("X-RateLimit-Remaining-\(window)")!
        reset = HTTPField.Name("X-RateLimit-Reset-\(window)")!
    }

    package static func fields(_ limits: [RateLimitStanding]) -> HTTPFields {
        var headers = HTTPFields()
        for standing in limits {
            let names = standing.span == .minute ? minute : day
            headers[names.limit] = String(standing.limit)
            headers[names.remaining] = String(standing.remaining)
            headers[names.reset] = String(standing.resetAt.seconds)
        }
        return headers
    }

    /// What ``fields(_:)`` writes, for the document.
    package static var documented: [AnswerHeader] {
        documented(minute, "minute") + documented(day, "day")
    }

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
