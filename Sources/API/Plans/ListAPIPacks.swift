import Database
import HTTPEndpoint
import LedgerStore
import Subscriptions

/// `GET /api/subscriptions/packs`: credits that are sold to workspaces beside their plans.
struct ListAPIPacks: Action {
    let database: any Database
    let catalog: CatalogStore

    static let about = About(
        "The packs of credits that are sold to workspaces, cheapest first",
        details: "None where the service does not offer the API product.", access: .open)

    func read(_ input: inout InputReader) {}

    func perform(_ input: Void, _ call: Call) async throws -> Reply<CreditPackListResponse> {
        Reply(CreditPackListResponse(try await catalog.ifOffered(in: database)))
    }
}
