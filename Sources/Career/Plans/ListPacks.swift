import Database
import HTTPEndpoint
import LedgerStore
import Subscriptions

/// `GET /career/credits/packs`: credits that are sold beside the plans.
struct ListPacks: Action {
    let database: any Database
    let catalog: CatalogStore

    static let about = About("The packs of credits that are sold, cheapest first", access: .open)

    func read(_ input: inout InputReader) {}

    func perform(_ input: Void, _ call: Call) async throws -> Reply<CreditPackListResponse> {
        let catalog = try await catalog.current(in: database)
        return Reply(
            CreditPackListResponse(catalog))
    }
}
