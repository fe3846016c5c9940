import Billing
import HTTPEndpoint
import Promotions
import UsageReports

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
        refusals: [.subscriptionNotFound] + Problem.ofCodes)

    package func read(_ input: inout InputReader) -> RedeemCodeRequest {
        input.body(RedeemCodeRequest.self)
    }

    package func perform(
        _ request: RedeemCodeRequest, _ call: Call
    ) async throws -> Reply<CreditEntryResponse> {
        let user = try call.user().userID
        switch try await redemption.redeem(request.code, by: user, for: .user(user)) {
        case .success(let grant): return Reply(CreditEntryResponse(grant))
        case .failure(let refusal):
            throw Problem(refusal, withoutSubscription: .subscriptionNotFound)
        }
    }
}
