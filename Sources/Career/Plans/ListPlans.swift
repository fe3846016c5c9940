import Billing
import Database
import HTTPEndpoint
import LedgerStore
import Subscriptions

struct ListPlans: Action {
    let database: any Database
    let catalog: CatalogStore

    static let about = About(
        "The active Career plans, cheapest first", access: .open,
        links: [Link(to: "GetPlan", "plan_id", from: "/plans/0/id", "One of them.")])

    func read(_ input: inout InputReader) {}

    func perform(_ input: Void, _ call: Call) async throws -> Reply<PlanListResponse> {
        let catalog = try await catalog.current(in: database)
        return Reply(
            PlanListResponse(
                plans: catalog.plans.filter(\.isActive).map(PlanResponse.init)))
    }
}

struct PlanListResponse: JSONObjectOutput {
    let plans: [PlanResponse]

    static let about = "The plans that can be chosen today."
    static let fields: [OutputField<PlanListResponse>] = [
        OutputField("plans", .array(.object), "Cheapest first.") { $0.plans }
    ]
}
