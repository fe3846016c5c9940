import Billing
import Database
import FoundationEssentials
import HTTPEndpoint
import LedgerStore

/// `GET /api/subscriptions/plans/{plan_id}`: one plan, also one that is no longer offered.
struct GetAPIPlan: Action {
    let database: any Database
    let catalog: CatalogStore

    static let about = About("One API plan", access: .open, refusals: [.planNotFound])

    func read(_ input: inout InputReader) -> UUID {
        input.path("plan_id", .uuid, "The plan's id.")
    }

    func perform(_ planID: UUID, _ call: Call) async throws -> Reply<APIPlanResponse> {
        let catalog = try await catalog.ifOffered(in: database)
        guard let plan = catalog?.plan(planID) else { throw Problem.planNotFound }
        return Reply(APIPlanResponse(plan: plan))
    }
}
