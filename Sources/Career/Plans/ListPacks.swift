import Database
import FoundationEssentials
import HTTPEndpoint
import Ledger
import LedgerStore
import Values

/// `GET /career/credits/packs`: credits that are sold beside the plans.
struct ListPacks: Action {
    let database: any Database
    let catalog: CatalogStore

    static let about = About("The packs of credits that are sold, cheapest first", access: .open)

    func read(_ input: inout InputReader) {}

    func perform(_ input: Void, _ call: Call) async throws -> Reply<CreditPackListResponse> {
        let catalog = try await catalog.current(in: database)
        return Reply(
            CreditPackListResponse(
                packs: catalog.packs.filter(\.isActive).map(CreditPackResponse.init)))
    }
}

struct CreditPackListResponse: JSONObjectOutput {
    let packs: [CreditPackResponse]

    static let about = "The packs that can be bought today."
    static let fields: [OutputField<CreditPackListResponse>] = [
        OutputField("packs", .array(.object), "Cheapest first.") { $0.packs }
    ]
}

struct CreditPackResponse: JSONObjectOutput {
    let pack: CreditPack

    static let about = "Credits that are sold by themselves."
    static let fields: [OutputField<CreditPackResponse>] = [
        OutputField("id", .uuid, "The pack's id.") { $0.pack.id },
        OutputField("name", .text, "The pack's name.") { $0.pack.name },
        OutputField("price", .text, "What it costs once, a decimal string.") {
            $0.pack.price.decimal
        },
        OutputField("currency", .text, "ISO 4217, lower case.") {
            $0.pack.price.currency.code
        },
        OutputField("credits", .credits, "What it grants.") { $0.pack.credits },
        OutputField(
            "valid_days", .nullable(.integer),
            "After how many days from the payment what is left ends; null: never."
        ) { $0.pack.validDays },
        OutputField("is_active", .bool, "Whether it can be bought today.") { $0.pack.isActive },
    ]
}
