import Database
import HTTPEndpoint
import LedgerStore

/// `GET /api/subscriptions/plans`: what a workspace can subscribe to.
struct ListAPIPlans: Action {
    let database: any Database
    let catalog: CatalogStore

    static let about = About(
        "The active API plans, cheapest first",
        details: "None where the service does not offer the API product.", access: .open,
        links: [Link(to: "GetAPIPlan", "plan_id", from: "/plans/0/id", "One of them.")])

    func read(_ input: inout InputReader) {}

    func perform(_ input: Void, _ call: Call) async throws -> Reply<APIPlanListResponse> {
        let catalog = try await catalog.ifOffered(in: database)
        let plans = catalog?.plans.filter(\.isActive) ?? []
        return Reply(APIPlanListResponse(plans: plans.map(APIPlanResponse.init)))
    }
}

struct APIPlanListResponse: JSONObjectOutput {
    let plans: [APIPlanResponse]

    static let about = "The plans that a workspace can choose today."
    static let fields: [OutputField<APIPlanListResponse>] = [
        OutputField("plans", .array(.object), "Cheapest first.") { $0.plans }
    ]
}
