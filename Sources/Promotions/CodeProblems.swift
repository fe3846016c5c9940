import HTTPEndpoint

package struct RedeemCodeRequest: JSONInput {
    package let code: String

    package static let about = "A code, in any case."

    package init(_ reader: inout ObjectReader) {
        code = reader.required("code", .text(0...255), "What the user has typed.")
    }
}

extension Problem {
    /// What redeeming a code may be answered with, whomever it is for.
    package static var ofCodes: [Problem] {
        [
            .unknownCode, .codeNotYetValid, .codeExpired, .codeUsedUp, .tooManyGrants,
            .tooManyAttempts,
        ]
    }

    private static let unknownCode = Problem(
        404, "unknown_code", "Unknown code", "There is no such code.")
    private static let codeNotYetValid = Problem(
        409, "code_not_yet_valid", "Code not yet valid", "This code cannot be redeemed yet.")
    private static let codeExpired = Problem(
        409, "code_expired", "Code expired", "This code can be redeemed no longer.")
    private static let codeUsedUp = Problem(
        409, "code_used_up", "Code used up", "This code has been redeemed as often as it may be.")
    private static let tooManyGrants = Problem(
        409, "too_many_grants", "Too many grants",
        "So many grants of this account are open that no other fits; use some first.")

    /// - Parameter problem: of an account that is none.
    package init(_ refusal: CodeRedemption.Refusal, withoutSubscription problem: Problem) {
        self =
            switch refusal {
            case .unknownCode: .unknownCode
            case .tooManyAttempts(let seconds): .tooManyAttempts.retry(afterSeconds: seconds)
            case .notYetValid: .codeNotYetValid
            case .expired: .codeExpired
            case .usedUp: .codeUsedUp
            case .tooManyGrants: .tooManyGrants
            case .noSubscription: problem
            case .unknownUser: .unauthorized
            case .barred(let problem): problem
            }
    }
}
