import FoundationEssentials
import HTTPEndpoint
import Ledger
import UsageReports
import Values

struct GetBalance: Action {
    let quota: CareerQuotaService
    let clock: DecisionClock

    static let about = About(
        "My credits and rate limits", access: .user, refusals: [.subscriptionNotFound])

    func read(_ input: inout InputReader) {}

    func perform(_ input: Void, _ call: Call) async throws -> Reply<BalanceResponse> {
        guard let standing = try await quota.standing(of: call.user().userID) else {
            throw Problem.subscriptionNotFound
        }
        let rule = try await quota.pricing(of: standing.account)
        return Reply(BalanceResponse(standing, pricing: rule, clock: clock.now()))
    }
}
