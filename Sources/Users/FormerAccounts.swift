import Database
import FoundationEssentials
import Ledger
import Values

/// What is remembered of deleted accounts, so that deleting and signing up again mints nothing:
/// whether the trial was used, whether a plan was bought, and the free period that was running. No
/// email stands here, only a keyed hash of it, or of issuer and subject.
package struct FormerAccounts: Sendable {
    /// Whose account it was: the keyed hash under which it is kept, and those under which it may
    /// have been kept before, by older secrets and by the database's own.
    package struct Key: Sendable {
        package let current: [UInt8]
        let earlier: [[UInt8]]

        fileprivate init(_ hashes: [[UInt8]], installation: [UInt8]) {
            current = hashes[0]
            earlier = hashes.dropFirst() + [installation]
        }

        package var all: [[UInt8]] { [current] + earlier }
    }

    private let secrets: TokenHashSecrets
    private let installation: InstallationSecret

    package init(secrets: TokenHashSecrets, installation: InstallationSecret) {
        self.secrets = secrets
        self.installation = installation
    }

    /// - Parameter product: whose account it was: what is kept of one product's is apart from
    ///   what is kept of another's.
    package func key(of user: UserRow, _ product: Product = .career) -> Key {
        if let issuer = user.issuer, let subject = user.subject {
            return key(issuer: issuer, subject: subject, product)
        }
        return key(emailKey: user.emailKey ?? "", product)
    }

    package func key(email: EmailAddress) -> Key { key(emailKey: email.key) }

    private func key(emailKey: String, _ product: Product = .career) -> Key {
        let kind = Self.kind("email", product)
        return Key(
            secrets.hashes(.formerAccount, kind, emailKey),
            installation: installation.hash("former \(kind)", emailKey))
    }

    package func key(issuer: String, subject: String, _ product: Product = .career) -> Key {
        let kind = Self.kind("subject", product)
        return Key(
            secrets.hashes(.formerAccount, kind, issuer, subject),
            installation: installation.hash("former \(kind)", issuer, subject))
    }

    private static func kind(_ name: String, _ product: Product) -> String {
        product == .career ? name : "\(product.rawValue) \(name)"
    }

    /// - Returns: what was left, and when the account was deleted.
    package func find(
        _ key: Key, in connection: any DatabaseConnection
    ) throws -> (account: FormerAccount, deletedAt: Timestamp)? {
        let places = Array(repeating: "?", count: key.all.count).joined(separator: ", ")
        let row = try connection.queryOne(
            """
            SELECT trial_used, period_anchor, period_start, period_end, credits_remaining,
                deleted_at
            FROM former_accounts WHERE email_hash IN (\(places))
            ORDER BY deleted_at DESC LIMIT 1
            """, key.all.map { .blob($0) })
        guard var reader = row?.reader else { return nil }
        let account = try FormerAccount(
            trialUsed: reader.bool(), anchor: reader.time(), periodStart: reader.time(),
            periodEnd: reader.time(), remaining: reader.credits())
        return (account, try reader.time())
    }

    /// Whether an account that was deleted had ever bought a plan.
    package func haveBought(_ key: Key, in connection: any DatabaseConnection) throws -> Bool {
        let places = Array(repeating: "?", count: key.all.count).joined(separator: ", ")
        return try connection.queryOne(
            """
            SELECT 1 FROM former_accounts WHERE email_hash IN (\(places)) AND has_bought = 1
            LIMIT 1
            """, key.all.map { .blob($0) }) != nil
    }

    /// Takes the place of what was kept under an earlier secret. Who has bought once has bought
    /// ever since.
    ///
    /// - Parameter hasBought: whether the account had ever bought a plan.
    package func remember(
        _ account: FormerAccount, hasBought: Bool, under key: Key,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        let hasBought = try hasBought || haveBought(key, in: connection)
        try connection.execute(
            """
            INSERT INTO former_accounts (email_hash, trial_used, period_anchor, period_start,
                period_end, credits_remaining, deleted_at, has_bought)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (email_hash) DO UPDATE SET trial_used = excluded.trial_used,
                period_anchor = excluded.period_anchor, period_start = excluded.period_start,
                period_end = excluded.period_end,
                credits_remaining = excluded.credits_remaining,
                deleted_at = excluded.deleted_at, has_bought = excluded.has_bought
            """,
            [
                .blob(key.current), .bool(account.trialUsed), .time(account.anchor),
                .time(account.periodStart), .time(account.periodEnd),
                .credits(account.remaining), .time(now), .bool(hasBought),
            ])
        try connection.executeMany(
            "DELETE FROM former_accounts WHERE email_hash = ?",
            key.earlier.map { [.blob($0)] })
    }
}
