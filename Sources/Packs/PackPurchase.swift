import Billing
import Database
import Foundation
import Ledger
import Values

/// Where a product's purchases lie: each is of a holder of an account.
struct PackTable: Sendable {
    let name: String
    /// The column with the holder's id.
    let holder: String

    init(of product: BilledProduct) {
        name = product.tables.product == .career ? "pack_purchases" : "workspace_pack_purchases"
        holder = product.holderKey
    }
}

/// A pack that a holder was shown a page for: what it said then is what is granted, whatever the
/// catalog says when the money comes.
package struct PackPurchase: Sendable, Equatable {
    package let id: UUID
    /// The holder: a user, or a workspace.
    package let userID: UUID
    package let packID: UUID
    package let packName: String
    package let credits: Credits
    package let validDays: Int64?
    package let price: Money

    package init(
        id: UUID, userID: UUID, packID: UUID, packName: String, credits: Credits,
        validDays: Int64?, price: Money
    ) {
        self.id = id
        self.userID = userID
        self.packID = packID
        self.packName = packName
        self.credits = credits
        self.validDays = validDays
        self.price = price
    }

    /// What its grant is made for.
    package var cause: String { "pack \(id.text)" }
}

extension PackPurchase {
    init(of pack: CreditPack, by user: UUID, id: UUID) {
        self.init(
            id: id, userID: user, packID: pack.id, packName: pack.name, credits: pack.credits,
            validDays: pack.validDays, price: pack.price)
    }

    init(_ reader: inout RowReader) throws {
        id = try reader.uuid()
        userID = try reader.uuid()
        packID = try reader.uuid()
        packName = try reader.text()
        credits = try reader.credits()
        validDays = try reader.optionalCount()
        guard let price = Money(amount: try reader.count(), currency: try reader.text()) else {
            throw DatabaseError.decoding("a purchase's price is none")
        }
        self.price = price
    }
}
