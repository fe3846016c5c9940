import FoundationEssentials
import HTTPEndpoint
import Ledger
import Values

package struct CreditPackListResponse: JSONObjectOutput {
    let packs: [CreditPackResponse]

    /// - Parameter catalog: `nil` where the product is not offered.
    package init(_ catalog: Catalog?) {
        packs = catalog?.packs.filter(\.isActive).map(CreditPackResponse.init) ?? []
    }

    package static let about = "The packs that can be bought today."
    package static let fields: [OutputField<CreditPackListResponse>] = [
        OutputField("packs", .array(.object), "Cheapest first.") { $0.packs }
    ]
}

package struct CreditPackResponse: JSONObjectOutput {
    let pack: CreditPack

    package static let about = "Credits that are sold by themselves."
    package static let fields: [OutputField<CreditPackResponse>] = [
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
