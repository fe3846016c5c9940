import Billing
import Database
import FoundationEssentials
import HTTPEndpoint
import LedgerStore
import Subscriptions

struct GetPlan: Action {
    let database: any Database
    let catalog: CatalogStore

    static let about = About("One plan", access: .open, refusals: [.planNotFound])

    func read(_ input: inout InputReader) -> UUID {
        input.path("plan_id", .uuid, "The plan's id.")
    }

    func perform(_ planID: UUID, _ call: Call) async throws -> Reply<PlanResponse> {
        guard let plan = try await catalog.current(in: database).plan(planID) else {
            throw Problem.planNotFound
        }
        return Reply(PlanResponse(plan: plan))
    }
}
