import Database
import Ledger
import Values

/// How packs of credits lie in their table.
enum PackRows {
    /// Retired ones too.
    static func all(in connection: any DatabaseConnection) throws -> [CreditPack] {
        try connection.query(
            """
            SELECT id, name, price_minor, currency, credits, valid_days, lookup_key, is_active,
                product
            FROM credit_packs
            """
        ).map { row in
            var reader = row.reader
            let (id, name) = (try reader.uuid(), try reader.text())
            guard let price = Money(amount: try reader.count(), currency: try reader.text()) else {
                throw DatabaseError.decoding("a pack's price is none")
            }
            let (credits, validDays) = (try reader.credits(), try reader.optionalCount())
            let (lookupKey, isActive) = (try reader.text(), try reader.bool())
            return CreditPack(
                id: id, product: try reader.oneOf(Product.self), name: name, price: price,
                credits: credits, validDays: validDays, lookupKey: lookupKey, isActive: isActive)
        }
    }

    /// Makes the table say what the product's catalog says. A pack that the catalog no longer has
    /// stays, inactive: somebody may have its page open.
    static func write(
        _ packs: [CreditPack], of product: Product, to connection: any DatabaseConnection,
        now: Timestamp
    ) throws {
        try connection.execute(
            "UPDATE credit_packs SET is_active = 0 WHERE product = ?", [.text(product.rawValue)])
        try connection.executeMany(
            """
            INSERT INTO credit_packs (id, name, price_minor, currency, credits, valid_days,
                lookup_key, is_active, updated_at, product)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET name = excluded.name,
                price_minor = excluded.price_minor, currency = excluded.currency,
                credits = excluded.credits, valid_days = excluded.valid_days,
                lookup_key = excluded.lookup_key, is_active = excluded.is_active,
                updated_at = excluded.updated_at
            """,
            packs.map { pack in
                [
                    .uuid(pack.id), .text(pack.name), .integer(pack.price.amount),
                    .text(pack.price.currency.code), .credits(pack.credits),
                    .integer(pack.validDays), .text(pack.lookupKey), .bool(pack.isActive),
                    .time(now), .text(pack.product.rawValue),
                ]
            })
    }
}
