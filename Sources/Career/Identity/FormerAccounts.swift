import CareerDomain
import Database
import FoundationEssentials

/// What is remembered of deleted accounts, so that deleting and signing up again mints nothing:
/// whether the trial was used, and the free period that was running. No email stands here, only a
/// keyed hash of it, or of issuer and subject.
struct FormerAccounts: Sendable {
    private let secret: InstallationSecret

    init(secret: InstallationSecret) {
        self.secret = secret
    }

    func key(of user: UserRow) -> [UInt8] {
        if let issuer = user.issuer, let subject = user.subject {
            return key(issuer: issuer, subject: subject)
        }
        return key(emailKey: user.emailKey ?? "")
    }

    func key(email: EmailAddress) -> [UInt8] { key(emailKey: email.key) }

    private func key(emailKey: String) -> [UInt8] { secret.hash("former email", emailKey) }

    func key(issuer: String, subject: String) -> [UInt8] {
        secret.hash("former subject", issuer, subject)
    }

    /// - Returns: what was left, and when the account was deleted.
    func find(
        _ key: [UInt8], in connection: any DatabaseConnection
    ) throws -> (account: FormerAccount, deletedAt: Timestamp)? {
        let row = try connection.queryOne(
            """
            SELECT trial_used, period_anchor, period_start, period_end, credits_remaining,
                deleted_at
            FROM former_accounts WHERE email_hash = ?
            """, [.blob(key)])
        guard var reader = row?.reader else { return nil }
        let account = try FormerAccount(
            trialUsed: reader.bool(), anchor: reader.time(), periodStart: reader.time(),
            periodEnd: reader.time(), remaining: reader.credits())
        return (account, try reader.time())
    }

    func remember(
        _ account: FormerAccount, under key: [UInt8], in connection: any DatabaseConnection,
        now: Timestamp
    ) throws {
        try connection.execute(
            """
            INSERT INTO former_accounts (email_hash, trial_used, period_anchor, period_start,
                period_end, credits_remaining, deleted_at)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (email_hash) DO UPDATE SET trial_used = excluded.trial_used,
                period_anchor = excluded.period_anchor, period_start = excluded.period_start,
                period_end = excluded.period_end,
                credits_remaining = excluded.credits_remaining,
                deleted_at = excluded.deleted_at
            """,
            [
                .blob(key), .bool(account.trialUsed), .time(account.anchor),
                .time(account.periodStart), .time(account.periodEnd),
                .credits(account.remaining), .time(now),
            ])
    }
}
