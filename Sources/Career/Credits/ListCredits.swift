import Database
import HTTPEndpoint
import LedgerStore
import UsageReports

/// `GET /career/credits`: see ``CreditListResponse``.
package struct ListCredits: Action {
    let quota: CareerQuotaService
    let database: any Database

    package static let about = About(
        "My credits by their grants, in the order in which they are used", access: .user,
        refusals: [.subscriptionNotFound],
        links: [Link(to: "ListCredits", "cursor", from: "/next_cursor", "The next page.")],
        isLarge: true)

    package func read(_ input: inout InputReader) -> CreditPage { CreditPage(&input) }

    package func perform(_ page: CreditPage, _ call: Call) async throws -> Reply<CreditListResponse>
    {
        guard let standing = try await quota.standing(of: call.user().userID) else {
            throw Problem.subscriptionNotFound
        }
        return Reply(
            try await database.read { try standing.credits(page, .of(.career), in: $0) })
    }
}
