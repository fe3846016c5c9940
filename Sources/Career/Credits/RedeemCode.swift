import FoundationEssentials
import HTTPEndpoint
import Ledger
import Promotions
import Values

/// `POST /career/credits/redeem`: a code for credits.
package struct RedeemCode: Action {
    let redemption: CodeRedemption

    package static let about = About(
        "Redeem a code for credits",
        details: """
            Each user redeems a code once; again it is answered with the same grant. Ten wrong \
            codes within fifteen minutes are enough.
            """,
        access: .user,
        refusals: [
            .unknownCode, .subscriptionNotFound, .codeNotYetValid, .codeExpired, .codeUsedUp,
            .tooManyGrants, .tooManyAttempts,
        ])

    package func read(_ input: inout InputReader) -> RedeemCodeRequest {
        input.body(RedeemCodeRequest.self)
    }

    package func perform(
        _ request: RedeemCodeRequest, _ call: Call
    ) async throws -> Reply<CreditEntryResponse> {
        let answer = try await redemption.redeem(request.code, by: call.user().userID)
        switch answer {
        case .success(let grant): return Reply(CreditEntryResponse(grant))
        case .failure(let refusal): throw Problem(refusal)
        }
    }
}

package struct RedeemCodeRequest: JSONInput {
    let code: String

    package static let about = "A code, in any case."

    package init(_ reader: inout ObjectReader) {
        code = reader.required("code", .text(0...255), "What the user has typed.")
    }
}

extension Problem {
    fileprivate static let unknownCode = Problem(
        404, "unknown_code", "Unknown code", "There is no such code.")
    fileprivate static let codeNotYetValid = Problem(
        409, "code_not_yet_valid", "Code not yet valid", "This code cannot be redeemed yet.")
    fileprivate static let codeExpired = Problem(
        409, "code_expired", "Code expired", "This code can be redeemed no longer.")
    fileprivate static let codeUsedUp = Problem(
        409, "code_used_up", "Code used up", "This code has been redeemed as often as it may be.")
    fileprivate static let tooManyGrants = Problem(
        409, "too_many_grants", "Too many grants",
        "So many grants of this account are open that no other fits; use some first.")

    fileprivate init(_ refusal: CodeRedemption.Refusal) {
        self =
            switch refusal {
            case .unknownCode: .unknownCode
            case .tooManyAttempts(let seconds): .tooManyAttempts.retry(afterSeconds: seconds)
            case .notYetValid: .codeNotYetValid
            case .expired: .codeExpired
            case .usedUp: .codeUsedUp
            case .tooManyGrants: .tooManyGrants
            case .noSubscription: .subscriptionNotFound
            case .unknownUser: .unauthorized
            }
    }
}
