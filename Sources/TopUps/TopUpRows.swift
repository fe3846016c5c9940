import Database
import FoundationEssentials
import Ledger
import Users
import Values

/// How automatic top-ups and their purchases lie in their tables. The columns and what reads and
/// writes them stand in one order, here and nowhere else.
package enum TopUpRows {
    /// A user's, as it stands until this database transaction ends. The user's row is locked first,
    /// as everywhere.
    static func findLocked(
        _ user: UUID, at now: Timestamp, in connection: any DatabaseConnection
    ) throws -> (user: UserRow, state: TopUpState)? {
        guard let row = try UserRow.findLocked(id: user, in: connection),
            let state = try find(
                user, at: now, in: connection, lock: connection.dialect.lockRows)
        else { return nil }
        return (row, state)
    }

    package static func find(
        _ user: UUID, at now: Timestamp, in connection: any DatabaseConnection, lock: String = ""
    ) throws -> TopUpState? {
        let row = try connection.queryOne(
            """
            SELECT \(terms), below, monthly_maximum, consented_at, off_reason, off_at,
                failing_since, failed_tries, next_try_at, due_at
            FROM automatic_top_ups WHERE user_id = ?
            """ + lock, [.uuid(user)])
        guard var reader = row?.reader else { return nil }
        let consent = try TopUpConsent(
            terms: readTerms(&reader), below: reader.credits(), monthlyMaximum: reader.count())
        let consentedAt = try reader.optionalTime()
        var off: TopUpState.Off?
        if try !reader.isNull() {
            off = try TopUpState.Off(
                reason: reader.oneOf(TopUpState.OffReason.self), at: reader.time())
        } else {
            _ = try reader.optionalTime()
        }
        var outage: TopUpState.Outage?
        if let since = try reader.optionalTime() {
            outage = try TopUpState.Outage(
                since: since, failedTries: reader.count(), nextTryAt: reader.time(),
                card: lastCard(of: user, in: connection))
        } else {
            _ = (try reader.count(), try reader.optionalTime())
        }
        return try TopUpState(
            userID: user, consent: consent, consentedAt: consentedAt, off: off, outage: outage,
            purchase: inFlight(of: user, in: connection), dueAt: reader.optionalTime(),
            lastActiveAt: lastActive(user, in: connection),
            paidThisMonth: paid(
                by: user, since: SpendingLimits.Window.month.start(of: now), in: connection))
    }

    static func save(_ state: TopUpState, in connection: any DatabaseConnection) throws {
        try connection.execute(
            """
            INSERT INTO automatic_top_ups (user_id, \(terms), below, monthly_maximum, consented_at,
                off_reason, off_at, failing_since, failed_tries, next_try_at, due_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (user_id) DO UPDATE SET pack_id = excluded.pack_id,
                pack_name = excluded.pack_name, credits = excluded.credits,
                valid_days = excluded.valid_days, price_minor = excluded.price_minor,
                currency = excluded.currency, below = excluded.below,
                monthly_maximum = excluded.monthly_maximum, consented_at = excluded.consented_at,
                off_reason = excluded.off_reason, off_at = excluded.off_at,
                failing_since = excluded.failing_since, failed_tries = excluded.failed_tries,
                next_try_at = excluded.next_try_at, due_at = excluded.due_at
            """,
            [.uuid(state.userID)] + values(state.consent.terms) + [
                .credits(state.consent.below), .integer(state.consent.monthlyMaximum),
                .time(state.consentedAt), .text(state.off?.reason.rawValue),
                .time(state.off?.at), .time(state.outage?.since),
                .integer(state.outage?.failedTries ?? 0), .time(state.outage?.nextTryAt),
                .time(state.dueAt),
            ])
        if let purchase = state.purchase { try save(purchase, in: connection) }
    }

    /// Users whose automatic top-ups are to be looked at, the longest due first.
    static func due(
        at now: Timestamp, limit: Int, in connection: any DatabaseConnection
    ) throws -> [UUID] {
        try connection.query(
            """
            SELECT user_id FROM automatic_top_ups WHERE due_at <= ?
            ORDER BY due_at, user_id LIMIT \(limit)
            """, [.time(now)]
        ).map { row in
            var reader = row.reader
            return try reader.uuid()
        }
    }

    /// What all that is on buys, each once.
    static func offersAgreedTo(in connection: any DatabaseConnection) throws -> [TopUpTerms] {
        try connection.query(
            "SELECT DISTINCT \(terms) FROM automatic_top_ups WHERE off_reason IS NULL"
        ).map { row in
            var reader = row.reader
            return try readTerms(&reader)
        }
    }

    /// Users for whom this pack is bought.
    static func buyers(
        of pack: UUID, after user: UUID?, limit: Int, in connection: any DatabaseConnection
    ) throws -> [UUID] {
        try connection.query(
            """
            SELECT user_id FROM automatic_top_ups
            WHERE pack_id = ? AND off_reason IS NULL \(user == nil ? "" : "AND user_id > ?")
            ORDER BY user_id LIMIT \(limit)
            """, [.uuid(pack)] + (user.map { [.uuid($0)] } ?? [])
        ).map { row in
            var reader = row.reader
            return try reader.uuid()
        }
    }

    static let terms = "pack_id, pack_name, credits, valid_days, price_minor, currency"
    static func values(_ terms: TopUpTerms) -> [SQLValue] {
        [
            .uuid(terms.packID), .text(terms.packName), .credits(terms.credits),
            .integer(terms.validDays), .integer(terms.price.amount),
            .text(terms.price.currency.code),
        ]
    }

    static func readTerms(_ reader: inout RowReader) throws -> TopUpTerms {
        let (pack, name) = (try reader.uuid(), try reader.text())
        let (credits, days) = (try reader.credits(), try reader.optionalCount())
        guard let price = Money(amount: try reader.count(), currency: try reader.text()) else {
            throw DatabaseError.decoding("a top-up's price is none")
        }
        return TopUpTerms(
            packID: pack, packName: name, credits: credits, validDays: days, price: price)
    }
}
