import Database
import FoundationEssentials
import HTTPEndpoint
import Users
import Values

/// The codes that are mailed to prove that somebody reads an address. A new one replaces the one
/// that the same network asked for: what a stranger asks for elsewhere makes no code worthless that
/// its owner has just been mailed. Wrong tries are counted by ``AuthThrottle``, for addresses
/// without an account too.
package struct OneTimeCodes: Sendable {
    static let digits = 6
    package static let lifetimeSeconds: Int64 = 10 * 60
    /// Codes of one purpose that a user may have running, each asked for from another network. More
    /// would make guessing easier.
    static let maximumRunning = 3

    package enum Purpose: String, Sendable {
        case signUp = "signup"
        case passwordReset = "password_reset"
    }

    private let secrets: TokenHashSecrets

    package init(secrets: TokenHashSecrets) {
        self.secrets = secrets
    }

    /// A code out of the system's cryptographic generator.
    package static func make() -> String {
        var generator = SystemRandomNumberGenerator()
        let number = String(Int.random(in: 0..<1_000_000, using: &generator))
        return String(repeating: "0", count: digits - number.count) + number
    }

    /// Makes a code and keeps its hash.
    ///
    /// - Parameter address: of who asks for it.
    package func issue(
        _ purpose: Purpose, for userID: UUID, askedFrom address: String,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws -> String {
        let code = Self.make()
        let network = secrets.hash(.code, "network", AuthThrottle.network(of: address))
        let hash = secrets.hash(.code, purpose.rawValue, userID.text, code)
        try connection.execute(
            """
            INSERT INTO one_time_codes (user_id, purpose, network, code_hash, created_at,
                expires_at)
            VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (user_id, purpose, network) DO UPDATE SET
                code_hash = excluded.code_hash, created_at = excluded.created_at,
                expires_at = excluded.expires_at
            """,
            [
                .uuid(userID), .text(purpose.rawValue), .blob(network), .blob(hash), .time(now),
                .time(now.adding(seconds: Self.lifetimeSeconds)),
            ])
        try connection.execute(
            """
            DELETE FROM one_time_codes WHERE user_id = ? AND purpose = ? AND network NOT IN (
                SELECT network FROM one_time_codes WHERE user_id = ? AND purpose = ?
                ORDER BY created_at DESC, network LIMIT \(Self.maximumRunning))
            """,
            [
                .uuid(userID), .text(purpose.rawValue), .uuid(userID), .text(purpose.rawValue),
            ])
        return code
    }

    /// Whether this is one of the user's running codes.
    package func accepts(
        _ code: String, _ purpose: Purpose, of userID: UUID,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Bool {
        let shown = secrets.hashes(.code, purpose.rawValue, userID.text, code)
        var isGood = false
        for row in try connection.query(
            """
            SELECT code_hash FROM one_time_codes
            WHERE user_id = ? AND purpose = ? AND expires_at > ?
            """, [.uuid(userID), .text(purpose.rawValue), .time(now)])
        {
            var reader = row.reader
            let kept = try reader.blob()
            for hash in shown where equalInConstantTime(kept, hash) { isGood = true }
        }
        return isGood
    }

    /// Uses the code up, and with it the others of its purpose: what they prove is proven. The
    /// user's row is to be locked.
    /// - Returns: false where it is not there any more: used, replaced by a newer one, or over.
    package func redeem(
        _ code: String, _ purpose: Purpose, of userID: UUID,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Bool {
        guard try accepts(code, purpose, of: userID, in: connection, now: now) else {
            return false
        }
        try connection.execute(
            "DELETE FROM one_time_codes WHERE user_id = ? AND purpose = ?",
            [.uuid(userID), .text(purpose.rawValue)])
        return true
    }

    /// Forgets the codes of a user, whatever they are for.
    package static func erase(
        of userID: UUID, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            "DELETE FROM one_time_codes WHERE user_id = ?", [.uuid(userID)])
    }
}

extension InputKind where Value == String {
    /// A code out of a mail.
    package static var otpCode: InputKind<String> {
        .characters(
            OneTimeCodes.digits, outOf: "0123456789", pattern: "^[0-9]{6}$",
            "must be the 6 digits of the mail")
    }
}
