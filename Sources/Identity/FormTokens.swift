import Crypto
import Database
import FoundationEssentials
import JSON
import Users
import Values

/// The tokens in the forms of pages. One shows that the form is of a page that this browser was
/// given (against CSRF), and by it a form acts once: sent again, it is answered as the first time.
///
/// A token is a random number and its time under a keyed hash that names the browser, so that no
/// page has to write to be shown. What a form did is kept from its act on, for a day, and sealed:
/// where a form led may be an address with a secret or with somebody's email address in it.
package struct FormTokens: Sendable {
    /// How long a page may lie open, by the decisions' clock.
    static let lifetimeSeconds: Int64 = 12 * 3600
    /// How long an act is kept. It outlives every token.
    static let keptSeconds: Int64 = 24 * 3600
    /// How long the same form waits for the first, and how often it looks.
    static let patience = Duration.seconds(10)
    static let pause = Duration.milliseconds(50)
    static let nonceBytes = 16
    private static let hashBytes = 32

    let secrets: TokenHashSecrets
    private let database: any Database
    let clock: DecisionClock

    package init(secrets: TokenHashSecrets, database: any Database, clock: DecisionClock) {
        self.secrets = secrets
        self.database = database
        self.clock = clock
    }

    // MARK: Tokens

    /// - Parameter browser: the secret that the browser's cookie holds.
    package func make(for browser: String) -> String {
        var generator = SystemRandomNumberGenerator()
        var bytes = (0..<Self.nonceBytes).map { _ -> UInt8 in
            .random(in: .min ... .max, using: &generator)
        }
        withUnsafeBytes(of: clock.now().seconds.bigEndian) { bytes += $0 }
        let text = Base64URL.encode(bytes)
        return text + "." + Base64URL.encode(secrets.hash(.form, browser, text))
    }

    /// Whether the token was made for one of these browsers, not too long ago.
    package func isGood(_ token: String, of browsers: [String]) -> Bool {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let bytes = Base64URL.decode(parts[0].utf8),
            let shown = Base64URL.decode(parts[1].utf8),
            bytes.count == Self.nonceBytes + 8, shown.count == Self.hashBytes
        else { return false }
        let seconds = bytes.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let age = clock.now().seconds - Int64(clamping: seconds)
        guard age <= Self.lifetimeSeconds else { return false }
        var isGood = false
        for browser in browsers {
            for hash in secrets.hashes(.form, browser, String(parts[0]))
            where equalInConstantTime(hash, shown) { isGood = true }
        }
        return isGood
    }

    /// What a session that an act begins is found by: the same each time the same form is sent, so
    /// that who presses twice and hears the second answer alone is signed in.
    package func sessionSecret(_ act: [UInt8]) -> String {
        Base64URL.encode(secrets.hash(.pageSession, Base64URL.encode(act)))
    }

    // MARK: Acts

    /// Names what a form with this token does: another address or other fields are another act.
    package func act(_ token: String, _ target: String, _ fields: String) -> [UInt8] {
        secrets.hash(.form, "act", token, target, fields)
    }

    package enum Standing: Sendable {
        /// Nobody has done it; from now on it is the caller's to do.
        case begun
        /// It was done, with this outcome.
        case done(JSONObject)
        /// Somebody is at it, or was broken off.
        case underWay
    }

    /// What the act led to; `nil` where it was not done.
    package func outcome(_ act: [UInt8]) async throws -> JSONObject? {
        try await database.read { try outcome(act, in: $0) }
    }

    private func outcome(
        _ act: [UInt8], in connection: any DatabaseConnection
    ) throws -> JSONObject? {
        let row = try connection.queryOne(
            "SELECT outcome FROM form_tokens WHERE token_hash = ?", [.blob(act)])
        guard var reader = row?.reader, let text = try reader.optionalText() else { return nil }
        // Versions before this one kept it in the clear.
        if text.hasPrefix("{") { return try JSONValue.parse(text.utf8).object }
        let opened = try secrets.open(
            Base64URL.decode(text.utf8) ?? [], as: .formOutcome, for: Base64URL.encode(act))
        return try JSONValue.parse(opened).object
    }

    /// Notes that an act begins, if nobody has begun it; waits for the one that has.
    package func begin(_ act: [UInt8]) async throws -> Standing {
        let deadline = ContinuousClock.now + Self.patience
        while true {
            let now = clock.now()
            let standing = try await database.write { connection -> Standing? in
                let isNew = try connection.execute(
                    """
                    INSERT INTO form_tokens (token_hash, begun_at) VALUES (?, ?)
                    ON CONFLICT (token_hash) DO NOTHING
                    """, [.blob(act), .time(now)])
                if isNew == 1 { return .begun }
                return try outcome(act, in: connection).map { .done($0) }
            }
            if let standing { return standing }
            guard ContinuousClock.now < deadline else { return .underWay }
            try await Task.sleep(for: Self.pause)
        }
    }

    /// Keeps what an act led to.
    package func finish(_ act: [UInt8], _ outcome: JSONObject) async throws {
        let sealed = try secrets.seal(
            Array(JSONValue.object(outcome).compactText.utf8), as: .formOutcome,
            for: Base64URL.encode(act))
        _ = try await database.write { connection in
            try connection.execute(
                "UPDATE form_tokens SET outcome = ? WHERE token_hash = ?",
                [.text(Base64URL.encode(sealed)), .blob(act)])
        }
    }

    /// Forgets an act that was refused: nothing was done.
    package func giveUp(_ act: [UInt8]) async throws {
        _ = try await database.write { connection in
            try connection.execute(
                "DELETE FROM form_tokens WHERE token_hash = ? AND outcome IS NULL", [.blob(act)])
        }
    }
}
