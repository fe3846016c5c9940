import Billing
import Database
import Foundation
import Stripe
import Values

/// What a purchase promises, as its page at Stripe carries it: a database that was restored from
/// before the purchase learns of it there.
extension PackPurchase {
    private enum Member {
        static let pack = "cuebx_pack_id"
        static let name = "cuebx_pack_name"
        static let credits = "cuebx_credits"
        static let validDays = "cuebx_valid_days"
        static let price = "cuebx_price_minor"
    }

    /// The metadata of its page.
    package func metadata(of product: BilledProduct) -> [String: String] {
        var members = [
            product.holderKey: userID.text, PackMirror.purchaseKey: id.text,
            Member.pack: packID.text, Member.name: packName, Member.credits: credits.decimal,
            Member.price: "\(price.amount)",
        ]
        if let validDays { members[Member.validDays] = "\(validDays)" }
        return members
    }

    /// Reads what a page promises.
    ///
    /// - Returns: `nil` for a page of another kind, and for one of an earlier version, which says
    ///   less.
    package init?(promisedBy session: StripeCheckoutSession, of product: BilledProduct) {
        let said = session.metadata
        let ids = [PackMirror.purchaseKey, product.holderKey, Member.pack]
            .compactMap { said[$0].flatMap(UUID.init(uuidString:)) }
        guard session.isPayment, ids.count == 3, let name = said[Member.name],
            let credits = said[Member.credits].flatMap(Credits.init(decimal:)), credits > .zero,
            let amount = said[Member.price].flatMap({ Int64($0) }), amount >= 0,
            let price = session.currency.flatMap({
                Money(amount: amount, currency: $0)
            })
        else { return nil }
        let days = said[Member.validDays].map { Int64($0) }
        if let days, days.map({ $0 > 0 }) != true { return nil }
        self.init(
            id: ids[0], userID: ids[1], packID: ids[2], packName: name, credits: credits,
            validDays: days ?? nil, price: price)
    }
}

extension PackMirror {
    /// The purchase that a page sells: by our row, else by what the page itself promises to a
    /// holder of ours.
    ///
    /// - Returns: `nil` if nobody here has bought it: its holder is gone, or is another
    ///   installation's that shares the account at Stripe. A deleted team keeps what was granted
    ///   before, so that money that goes back is followed; a bank that pays only after the deletion
    ///   has paid for nothing.
    package func purchase(
        of session: StripeCheckoutSession
    ) async throws -> (purchase: PackPurchase, isKnown: Bool)? {
        guard let id = session.metadata[Self.purchaseKey].flatMap(UUID.init(uuidString:)) else {
            return nil
        }
        return try await database.read { [product, purchases] connection in
            if let known = try purchases.find(id, in: connection) {
                let isTheirs =
                    try purchases.isGranted(id, in: connection)
                    || product.isThere(known.userID, false, connection)
                return isTheirs ? (known, true) : nil
            }
            guard let promised = PackPurchase(promisedBy: session, of: product),
                try product.isThere(promised.userID, false, connection)
            else { return nil }
            return (promised, false)
        }
    }
}
