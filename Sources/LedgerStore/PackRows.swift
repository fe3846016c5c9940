import Database
import Ledger
import Values

/// How packs of credits lie in their table.
enum PackRows {
    /// Retired ones too.
    static func all(in connection: any DatabaseConnection) throws -> [CreditPack] {
        try connection.query(
            """
            SELECT id, name, price_minor, currency, credits, valid_days, lookup_key, is_active
            FROM credit_packs
            """
        ).map { row in
            var reader = row.reader
            let (id, name) = (try reader.uuid(), try reader.text())
            guard let price = Money(amount: try reader.count(), currency: try reader.text()) else {
                throw DatabaseError.decoding("a pack's price is none")
            }
            return try CreditPack(
                id: id, name: name, price: price, credits: reader.credits(),
                validDays: reader.optionalCount(), lookupKey: reader.text(),
                isActive: reader.bool())
        }
    }

    /// Makes the table say what the catalog says. A pack that the catalog no longer has stays,
    /// inactive: somebody may have its page open.
    static func write(
        _ packs: [CreditPack], to connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute("UPDATE credit_packs SET is_active = 0")
        try connection.executeMany(
            """
            INSERT INTO credit_packs (id, name, price_minor, currency, credits, valid_days,
                lookup_key, is_active, updated_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
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
                    .time(now),
                ]
            })
    }
}
