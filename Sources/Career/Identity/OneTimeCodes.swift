import CareerDomain
import Database
import FoundationEssentials

/// The codes that are mailed to prove that somebody reads an address. A user has one of each
/// purpose at most; a new one replaces the old. Wrong tries are counted by ``AuthThrottle``, for
/// addresses without an account too.
struct OneTimeCodes: Sendable {
    static let digits = 6
    static let lifetimeSeconds: Int64 = 10 * 60

    enum Purpose: String, Sendable {
        case signUp = "signup"
        case passwordReset = "password_reset"
    }

    private let secret: InstallationSecret

    init(secret: InstallationSecret) {
        self.secret = secret
    }

    /// Makes a code out of the system's cryptographic generator and keeps its hash.
    func issue(
        _ purpose: Purpose, for userID: UUID, in connection: any DatabaseConnection,
        now: Timestamp
    ) throws -> String {
        var generator = SystemRandomNumberGenerator()
        let number = String(Int.random(in: 0..<1_000_000, using: &generator))
        let code = String(repeating: "0", count: Self.digits - number.count) + number
        try connection.execute(
            """
            INSERT INTO one_time_codes (user_id, purpose, code_hash, created_at, expires_at)
            VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (user_id, purpose) DO UPDATE SET code_hash = excluded.code_hash,
                created_at = excluded.created_at, expires_at = excluded.expires_at
            """,
            [
                .uuid(userID), .text(purpose.rawValue), .blob(hash(code, purpose, userID)),
                .time(now), .time(now.adding(seconds: Self.lifetimeSeconds)),
            ])
        return code
    }

    /// Whether this is the user's running code.
    func accepts(
        _ code: String, _ purpose: Purpose, of userID: UUID,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Bool {
        let row = try connection.queryOne(
            """
            SELECT code_hash FROM one_time_codes
            WHERE user_id = ? AND purpose = ? AND expires_at > ?
            """, [.uuid(userID), .text(purpose.rawValue), .time(now)])
        guard var reader = row?.reader else { return false }
        return equalInConstantTime(try reader.blob(), hash(code, purpose, userID))
    }

    /// Uses the code up.
    /// - Returns: false where it is not there any more: used, or replaced by a newer one.
    func redeem(
        _ code: String, _ purpose: Purpose, of userID: UUID, in connection: any DatabaseConnection
    ) throws -> Bool {
        try connection.execute(
            "DELETE FROM one_time_codes WHERE user_id = ? AND purpose = ? AND code_hash = ?",
            [.uuid(userID), .text(purpose.rawValue), .blob(hash(code, purpose, userID))]) == 1
    }

    private func hash(_ code: String, _ purpose: Purpose, _ userID: UUID) -> [UInt8] {
        secret.hash("code", purpose.rawValue, userID.text, code)
    }
}
