import Database
import FoundationEssentials
import Users
import Values

/// What an operator shows beside the password: a code of their authenticator, or a recovery code.
package struct OperatorCodes: Sendable {
    package static let recoveryCodes = 10
    /// Characters of a recovery code: 50 bits.
    static let recoveryLength = 10
    /// RFC 4648's base 32 without what looks alike: I, L, O and U as Crockford leaves them out.
    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")

    /// Out of `OPERATOR_SECRET`.
    private let secrets: TokenHashSecrets

    init(secrets: TokenHashSecrets) {
        self.secrets = secrets
    }

    static func randomBytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    func seal(_ secret: [UInt8], of operatorID: UUID) throws -> [UInt8] {
        try secrets.seal(secret, as: .authenticator, for: operatorID.text)
    }

    /// Ten codes, each good once, and what is stored of them.
    func makeRecoveryCodes(of operatorID: UUID) -> [(text: String, hash: [UInt8])] {
        (0..<Self.recoveryCodes).map { _ in
            let code = String(
                Self.randomBytes(Self.recoveryLength).map { Self.alphabet[Int($0 & 31)] })
            return (
                "\(code.prefix(5))-\(code.suffix(5))",
                secrets.hash(.recoveryCode, operatorID.text, code)
            )
        }
    }

    /// Uses a code up, if it is good.
    /// - Parameter now: by the wall's clock, which authenticators go by.
    func use(
        _ text: String, of row: OperatorRow, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Bool {
        let code = String(text.uppercased().filter { $0 != " " && $0 != "-" })
        guard code.count != TOTP.digits || !code.allSatisfy(\.isASCIIDigit) else {
            return try useStep(code, of: row, in: connection, now: now)
        }
        for hash in secrets.hashes(.recoveryCode, row.id.text, code) {
            let isUsed = try connection.execute(
                """
                UPDATE operator_recovery_codes SET used_at = ?
                WHERE operator_id = ? AND code_hash = ? AND used_at IS NULL
                """, [.time(now), .uuid(row.id), .blob(hash)])
            if isUsed == 1 { return true }
        }
        return false
    }

    private func useStep(
        _ code: String, of row: OperatorRow, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Bool {
        let secret = try secrets.open(row.sealedSecret, as: .authenticator, for: row.id.text)
        guard let step = TOTP.step(of: code, secret, after: row.usedStep, now: now) else {
            return false
        }
        return try connection.execute(
            "UPDATE operators SET totp_step = ? WHERE id = ? AND totp_step < ?",
            [.integer(step), .uuid(row.id), .integer(step)]) == 1
    }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { isASCII && isNumber }
}
