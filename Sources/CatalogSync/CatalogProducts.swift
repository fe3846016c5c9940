import Foundation
import JSON
import Ledger

/// The products that a file names.
extension CatalogFile {
    /// `products` has a catalog of each product; a file without it is Career's.
    ///
    /// - Throws: ``CatalogError`` with every flaw of each, and with what two of them claim both.
    package static func catalogs(_ json: JSONValue) throws -> [Catalog] {
        guard let products = json["products"] else { return [try parse(json)] }
        var flaws: [String] = []
        var catalogs: [Catalog] = []
        for name in ["plans", "features", "credit_packs"] where json[name] != nil {
            flaws.append("\(name) must be a member of a product where there are products")
        }
        for (name, section) in products.object?.members ?? [] {
            guard let product = Product(rawValue: name) else {
                flaws.append("products has no member \(name)")
                continue
            }
            do {
                catalogs.append(try parse(section, of: product))
            } catch let error as CatalogError {
                flaws += error.flaws.map { "\(name): \($0)" }
            }
        }
        if products[Product.career.rawValue] == nil { flaws.append("products must have career") }
        flaws += claimedTwice(catalogs)
        guard flaws.isEmpty else { throw CatalogError(flaws: flaws) }
        return catalogs
    }

    /// A plan's or pack's id, and the key that finds a price, are of one product.
    private static func claimedTwice(_ catalogs: [Catalog]) -> [String] {
        let claims: [(String, (Catalog) -> [String])] = [
            ("an id", { ($0.plans.map(\.id) + $0.packs.map(\.id)).map(\.uuidString) }),
            ("a lookup_key", { $0.lookupKeys }),
        ]
        return claims.compactMap { what, values in
            let sets = catalogs.map { Set(values($0)) }
            let all = sets.reduce(into: Set<String>()) { $0.formUnion($1) }
            return all.count == sets.reduce(0) { $0 + $1.count }
                ? nil : "\(what) is of two products"
        }
    }
}
