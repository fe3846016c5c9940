import Billing
import Database
import FoundationEssentials
import HTTPEndpoint
import Packs
import Values

/// A pack that a user was shown a page for, bought or not.
package struct PackPurchaseResponse: JSONObjectOutput {
    let purchase: PackPurchase
    let made: PackPurchases.Record

    /// A page of a user's purchases, each with its id, the oldest first.
    package static func page(
        of user: UUID, after id: UUID?, limit: Int64, in connection: any DatabaseConnection
    ) throws -> [(PackPurchaseResponse, UUID)] {
        try PackPurchases.page(of: user, after: id, limit: limit, in: connection).map {
            (PackPurchaseResponse(purchase: $0.purchase, made: $0.made), $0.purchase.id)
        }
    }

    package static let schemaName = "PackPurchase"
    package static let about = "A pack of credits that was chosen, and what became of its payment."
    package static let fields: [OutputField<PackPurchaseResponse>] = [
        OutputField("id", .uuid, "The purchase.") { $0.purchase.id },
        OutputField("pack_id", .uuid, "The pack.") { $0.purchase.packID },
        OutputField("pack_name", .text, "Its name then.") { $0.purchase.packName },
        OutputField("credits", .credits, "What it grants.") { $0.purchase.credits },
        OutputField("price", .text, "What it cost then, a decimal string.") {
            $0.purchase.price.decimal
        },
        OutputField("currency", .text, "ISO 4217, lower case.") {
            $0.purchase.price.currency.code
        },
        OutputField("created_at", .time, "When it was chosen.") { $0.made.createdAt },
        OutputField("paid_at", .nullable(.time), "When it was heard that it is paid.") {
            $0.made.paidAt
        },
        OutputField("returned", .nullable(.text), "What of the money went back; null: not paid.") {
            $0.made.returned?.decimal
        },
    ]
}
