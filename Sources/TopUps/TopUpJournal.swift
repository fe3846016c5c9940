import Database
import FoundationEssentials
import Values

/// What was switched on, changed and switched off, by whom and when. Append-only: it is the proof
/// of what a user has agreed to.
package enum TopUpJournal {
    /// - Parameter session: the user's, if it was the user.
    static func note(
        _ state: TopUpState, session: UUID?, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        let consent = state.consent
        try connection.execute(
            """
            INSERT INTO automatic_top_up_changes (id, user_id, at, is_on, reason, session_id,
                pack_id, credits, price_minor, currency, below, monthly_maximum)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .uuid(.version7(at: now, randomness: .random(in: .min ... .max))),
                .uuid(state.userID), .time(now), .bool(state.isOn),
                .text(state.off?.reason.rawValue), .uuid(session), .uuid(consent.terms.packID),
                .credits(consent.terms.credits), .integer(consent.terms.price.amount),
                .text(consent.terms.price.currency.code), .credits(consent.below),
                .integer(consent.monthlyMaximum),
            ])
    }

    package struct Entry: Sendable {
        package let id: UUID
        package let at: Timestamp
        /// `nil`: it was on from then.
        package let reason: TopUpState.OffReason?
        package let session: UUID?
        package let pack: UUID
        package let credits: Credits
        package let price: Money
        package let below: Credits
        package let monthlyMaximum: Int64
    }

    /// A page of a user's, the oldest first.
    package static func page(
        of user: UUID, after id: UUID?, limit: Int64, in connection: any DatabaseConnection
    ) throws -> [Entry] {
        try connection.query(
            """
            SELECT id, at, reason, session_id, pack_id, credits, price_minor, currency, below,
                monthly_maximum
            FROM automatic_top_up_changes
            WHERE user_id = ? \(id == nil ? "" : "AND id > ?") ORDER BY id LIMIT ?
            """, [.uuid(user)] + (id.map { [.uuid($0)] } ?? []) + [.integer(limit)]
        ).map { row in
            var reader = row.reader
            let (id, at) = (try reader.uuid(), try reader.time())
            var reason: TopUpState.OffReason?
            if try !reader.isNull() { reason = try reader.oneOf(TopUpState.OffReason.self) }
            let (session, pack) = (try reader.optionalUUID(), try reader.uuid())
            let credits = try reader.credits()
            guard let price = Money(amount: try reader.count(), currency: try reader.text()) else {
                throw DatabaseError.decoding("a top-up's price is none")
            }
            return try Entry(
                id: id, at: at, reason: reason, session: session, pack: pack, credits: credits,
                price: price, below: reader.credits(), monthlyMaximum: reader.count())
        }
    }
}
