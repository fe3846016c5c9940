import Database
import FoundationEssentials
import Ledger
import Values

/// The codes and who has redeemed them, in their tables.
public struct PromotionCodes: Sendable {
    private let database: any Database

    public init(database: any Database) {
        self.database = database
    }

    /// - Returns: false for a code that is there already; nothing is changed then.
    public func add(_ code: PromotionCode, now: Timestamp) async throws -> Bool {
        try await database.write { connection in
            try connection.execute(
                """
                INSERT INTO promotion_codes (code, credits, total, redeemed, starts_at, ends_at,
                    valid_days, created_at)
                VALUES (?, ?, ?, 0, ?, ?, ?, ?) ON CONFLICT (code) DO NOTHING
                """,
                [
                    .text(code.code), .credits(code.credits), .integer(code.total),
                    .time(code.startsAt), .time(code.endsAt), .integer(code.validDays),
                    .time(now),
                ]) > 0
        }
    }

    /// The newest first.
    public func list() async throws -> [PromotionCode] {
        try await database.read { connection in
            try connection.query(
                "SELECT \(Self.columns) FROM promotion_codes ORDER BY created_at DESC, code"
            ).map(Self.read)
        }
    }

    /// Has a code redeemed no longer from now on. One that had ended before stays as it was.
    ///
    /// - Returns: `nil` where there is no such code.
    public func end(_ code: String, now: Timestamp) async throws -> PromotionCode? {
        try await database.write { connection in
            try connection.execute(
                """
                UPDATE promotion_codes SET ends_at = CASE WHEN starts_at > ? THEN starts_at
                    ELSE ? END
                WHERE code = ? AND (ends_at IS NULL OR ends_at > ?)
                """, [.time(now), .time(now), .text(code), .time(now)])
            return try Self.find(code, in: connection)
        }
    }

    static func find(
        _ code: String, in connection: any DatabaseConnection, locked: Bool = false
    ) throws -> PromotionCode? {
        try connection.queryOne(
            "SELECT \(columns) FROM promotion_codes WHERE code = ?"
                + (locked ? connection.dialect.lockRows : ""), [.text(code)]
        ).map(read)
    }

    /// What the user has redeemed the code for.
    ///
    /// - Parameter hashes: of the user's email, under each of the secrets.
    static func grant(
        of code: String, to hashes: [[UInt8]], in connection: any DatabaseConnection
    ) throws -> UUID? {
        let marks = hashes.map { _ in "?" }.joined(separator: ", ")
        let row = try connection.queryOne(
            """
            SELECT grant_id FROM code_redemptions WHERE code = ? AND user_hash IN (\(marks))
            """, [.text(code)] + hashes.map { .blob($0) })
        guard var reader = row?.reader else { return nil }
        return try reader.uuid()
    }

    /// Counts the code once more, whose row is locked.
    static func noteRedeemed(
        _ code: String, by hash: [UInt8], for grant: UUID, in connection: any DatabaseConnection,
        now: Timestamp
    ) throws {
        try connection.execute(
            """
            INSERT INTO code_redemptions (code, user_hash, grant_id, redeemed_at)
            VALUES (?, ?, ?, ?)
            """, [.text(code), .blob(hash), .uuid(grant), .time(now)])
        try connection.execute(
            "UPDATE promotion_codes SET redeemed = redeemed + 1 WHERE code = ?", [.text(code)])
    }

    private static let columns =
        "code, credits, total, redeemed, starts_at, ends_at, valid_days"

    private static func read(_ row: Row) throws -> PromotionCode {
        var reader = row.reader
        return try PromotionCode(
            code: reader.text(), credits: reader.credits(), total: reader.count(),
            redeemed: reader.count(), startsAt: reader.time(), endsAt: reader.optionalTime(),
            validDays: reader.optionalCount())
    }
}

/// Slows down guessing of codes (a rate limiter with a fixed window): a window begins with the
/// first wrong guess.
enum CodeAttempts {
    static let limit: Int64 = 10
    static let windowSeconds: Int64 = 15 * 60

    /// When the user may guess again; `nil`: now.
    static func blockedUntil(
        _ user: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Timestamp? {
        let row = try connection.queryOne(
            "SELECT wrong, window_started_at FROM code_attempts WHERE user_id = ?", [.uuid(user)])
        guard var reader = row?.reader else { return nil }
        let (wrong, start) = (try reader.count(), try reader.time())
        let end = start.adding(seconds: windowSeconds)
        return wrong >= limit && now < end ? end : nil
    }

    /// Counts a wrong guess, unless the window was full before: of guesses that are sent at once no
    /// more are answered than of those sent one after another.
    ///
    /// - Returns: when the user may guess again, where the window was full.
    static func countWrong(
        _ user: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Timestamp? {
        let over = SQLValue.time(now.adding(seconds: -windowSeconds))
        let row = try connection.queryOne(
            """
            INSERT INTO code_attempts (user_id, wrong, window_started_at) VALUES (?, 1, ?)
            ON CONFLICT (user_id) DO UPDATE SET
                wrong = CASE WHEN code_attempts.window_started_at <= ? THEN 1
                    ELSE code_attempts.wrong + 1 END,
                window_started_at = CASE WHEN code_attempts.window_started_at <= ?
                    THEN excluded.window_started_at ELSE code_attempts.window_started_at END
            RETURNING wrong, window_started_at
            """, [.uuid(user), .time(now), over, over])
        guard var reader = row?.reader else { return nil }
        let (wrong, start) = (try reader.count(), try reader.time())
        return wrong > limit ? start.adding(seconds: windowSeconds) : nil
    }
}
