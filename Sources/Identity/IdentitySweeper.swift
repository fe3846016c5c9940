import BillingEmails
import Database
import Mail
import Messaging
import Values

/// Erases what identity needs no longer: throttles whose window is over, codes and refresh tokens
/// that have expired, sessions without any, old mails, accounts whose address nobody has proven,
/// addresses for bills whose code is over: so every row that a stranger can cause has an end.
/// Nothing depends on it, since each of them is judged by its time wherever it is used; without it
/// the tables would grow for good.
package struct IdentitySweeper: Sendable {
    package static let pause = Duration.seconds(60)
    /// Rows of one database transaction, so that no request waits long for its turn to write.
    static let maximumBatch: Int64 = 500
    /// How long a mail is kept. It has been sent, or given up on, minutes after it was written.
    static let mailDays: Int64 = 30

    /// How long an account may await the proof of its address, since somebody last signed it up.
    static let unprovenDays: Int64 = 7

    private let database: any Database
    private let clock: DecisionClock
    private let keepsMails: Bool

    /// - Parameter keepsMails: in development, where they are the mailbox.
    package init(database: any Database, clock: DecisionClock, keepsMails: Bool) {
        self.database = database
        self.clock = clock
        self.keepsMails = keepsMails
    }

    /// Erases all that is over now.
    /// - Returns: how many rows that was.
    @discardableResult
    package func sweep() async throws -> Int {
        let now = clock.now()
        var erased = 0
        for sweep in Self.sweeps where !(keepsMails && sweep.isOfMails) {
            let end = now.adding(seconds: -sweep.keptSeconds)
            var count = 0
            repeat {
                count = try await database.write { connection in
                    try sweep.erase(end, Self.maximumBatch, connection)
                }
                erased += count
            } while count == Self.maximumBatch && !Task.isCancelled
        }
        return erased
    }

    private struct Sweep: Sendable {
        /// Erases what was over by then, at most so many rows; returns how many that was.
        let erase: @Sendable (Timestamp, Int64, any DatabaseConnection) throws -> Int
        /// Seconds after the time that its index tells.
        let keptSeconds: Int64
        let isOfMails: Bool

        init(
            keptSeconds: Int64, isOfMails: Bool = false,
            erase: @escaping @Sendable (Timestamp, Int64, any DatabaseConnection) throws -> Int
        ) {
            self.erase = erase
            self.keptSeconds = keptSeconds
            self.isOfMails = isOfMails
        }

        init(sql: String, keptSeconds: Int64) {
            self.init(keptSeconds: keptSeconds) { end, limit, connection in
                try connection.execute(sql, [.time(end), .integer(limit)])
            }
        }
    }

    /// Each finds its rows by an index on the time alone. Tokens go before their session, so that
    /// erasing a session takes only its own row along. A used token is kept until it would have
    /// expired: till then its reuse is noticed.
    private static let sweeps = [
        Sweep(
            sql: """
                DELETE FROM auth_throttles WHERE bucket IN (
                    SELECT bucket FROM auth_throttles WHERE window_started_at <= ?
                    ORDER BY window_started_at LIMIT ?)
                """, keptSeconds: AuthThrottle.longestWindow),
        Sweep(
            sql: """
                DELETE FROM one_time_codes WHERE (user_id, purpose) IN (
                    SELECT user_id, purpose FROM one_time_codes WHERE expires_at <= ?
                    ORDER BY expires_at LIMIT ?)
                """, keptSeconds: 0),
        Sweep(
            sql: """
                DELETE FROM refresh_tokens WHERE token_hash IN (
                    SELECT token_hash FROM refresh_tokens WHERE expires_at <= ?
                    ORDER BY expires_at LIMIT ?)
                """, keptSeconds: 0),
        Sweep(
            sql: """
                DELETE FROM sessions WHERE id IN (
                    SELECT id FROM sessions WHERE expires_at <= ?
                    ORDER BY expires_at LIMIT ?)
                """, keptSeconds: 0),
        Sweep(
            sql: """
                DELETE FROM form_tokens WHERE token_hash IN (
                    SELECT token_hash FROM form_tokens WHERE begun_at <= ?
                    ORDER BY begun_at LIMIT ?)
                """, keptSeconds: FormTokens.keptSeconds),
        Sweep(keptSeconds: mailDays * 86_400, isOfMails: true) { end, limit, connection in
            try MailTable.erase(until: end, limit: limit, in: connection)
        },
        // What no mail server would take, as long as the mail itself.
        Sweep(keptSeconds: mailDays * 86_400) { end, limit, connection in
            try DeadLetters.erase(
                of: .emails, until: end, limit: limit, in: connection)
        },
        Sweep(keptSeconds: 0) { end, limit, connection in
            try BillingEmail.erasePending(until: end, limit: limit, in: connection)
        },
        // An operator's lock stays. Whoever has a subscription was let in by somebody else.
        Sweep(
            sql: """
                DELETE FROM users WHERE id IN (
                    SELECT id FROM users u
                    WHERE updated_at <= ? AND email_verified_at IS NULL AND issuer IS NULL
                        AND is_active = 1
                        AND NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.user_id = u.id)
                    ORDER BY updated_at LIMIT ?)
                """, keptSeconds: unprovenDays * 86_400),
    ]
}
