import CareerDomain
import Database
import FoundationEssentials
import HTTPEndpoint

/// Slows down guessing. It counts failures, never successes, in windows that start with the first
/// failure and are judged by the decisions' clock.
///
/// An attempt is judged before any work is done for it. It is counted again where its outcome is
/// written, and taken back if it was good, in one database transaction: guesses that are sent all
/// at once learn no more than the same guesses one after another.
struct AuthThrottle: Sendable {
    struct Rule: Sendable {
        let kind: String
        let limit: Int64
        let seconds: Int64
    }

    /// Wrong passwords and codes for one account, existing or not.
    static let failuresPerAccount = Rule(kind: "account", limit: 10, seconds: 15 * 60)
    /// Wrong passwords and codes from one address; many people may share one.
    static let failuresPerAddress = Rule(kind: "address", limit: 50, seconds: 15 * 60)
    /// Wrong codes since the last one was mailed. The window outlives every code.
    static let triesPerCode = Rule(kind: "code", limit: 5, seconds: 60 * 60)
    /// Mails to one address that anybody can cause.
    static let mailsPerEmail = Rule(kind: "mail", limit: 5, seconds: 60 * 60)
    static let longestWindow: Int64 = 60 * 60

    struct Bucket: Sendable {
        let rule: Rule
        let key: [UInt8]
    }

    private let secret: InstallationSecret
    private let exemptsLoopback: Bool

    /// - Parameter exemptsLoopback: in development, where everybody comes from one address.
    init(secret: InstallationSecret, exemptsLoopback: Bool) {
        self.secret = secret
        self.exemptsLoopback = exemptsLoopback
    }

    /// What a wrong password would count against: the account first, so that buckets are always
    /// taken in one order.
    func password(of emailKey: String, from address: String) -> [Bucket] {
        [bucket(Self.failuresPerAccount, emailKey)] + remote(address)
    }

    /// What a wrong code would count against.
    func code(_ purpose: OneTimeCodes.Purpose, of emailKey: String, from address: String)
        -> [Bucket]
    {
        [tries(purpose, of: emailKey)] + password(of: emailKey, from: address)
    }

    func tries(_ purpose: OneTimeCodes.Purpose, of emailKey: String) -> Bucket {
        bucket(Self.triesPerCode, purpose.rawValue + " " + emailKey)
    }

    func mails(to emailKey: String) -> Bucket { bucket(Self.mailsPerEmail, emailKey) }

    /// The refusal, where a bucket is full.
    func refusal(
        _ buckets: [Bucket], in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Problem? {
        for bucket in buckets {
            let row = try connection.queryOne(
                "SELECT failures, window_started_at FROM auth_throttles WHERE bucket = ?",
                [.blob(bucket.key)])
            guard var reader = row?.reader else { continue }
            let (failures, start) = (try reader.integer(), try reader.time())
            let end = start.adding(seconds: bucket.rule.seconds)
            if failures >= bucket.rule.limit && now < end {
                return .tooManyAttempts.retry(afterSeconds: now.secondsRoundedUp(until: end))
            }
        }
        return nil
    }

    /// Judges an attempt and counts it. Where a bucket was full it is refused before it is looked
    /// at and counts for nothing, so that a client that repeats itself locks nothing more.
    func begin(
        _ buckets: [Bucket], in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Problem? {
        if let refusal = try refusal(buckets, in: connection, now: now) { return refusal }
        return try count(buckets, in: connection, now: now)
    }

    /// Counts one in each bucket.
    /// - Returns: the refusal, where a bucket had been full before.
    func count(
        _ buckets: [Bucket], in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Problem? {
        var refusal: Problem?
        for bucket in buckets {
            let expired = SQLValue.time(now.adding(seconds: -bucket.rule.seconds))
            let rows = try connection.query(
                """
                INSERT INTO auth_throttles (bucket, failures, window_started_at)
                VALUES (?, 1, ?)
                ON CONFLICT (bucket) DO UPDATE SET
                    failures = CASE WHEN auth_throttles.window_started_at <= ? THEN 1
                        ELSE auth_throttles.failures + 1 END,
                    window_started_at = CASE WHEN auth_throttles.window_started_at <= ?
                        THEN excluded.window_started_at
                        ELSE auth_throttles.window_started_at END
                RETURNING failures, window_started_at
                """, [.blob(bucket.key), .time(now), expired, expired])
            guard var reader = rows.first?.reader else { continue }
            let (failures, start) = (try reader.integer(), try reader.time())
            let end = start.adding(seconds: bucket.rule.seconds)
            if failures > bucket.rule.limit && refusal == nil {
                refusal = .tooManyAttempts.retry(afterSeconds: now.secondsRoundedUp(until: end))
            }
        }
        return refusal
    }

    /// Takes back what was counted in this database transaction: the attempt was good.
    func forgive(_ buckets: [Bucket], in connection: any DatabaseConnection) throws {
        try connection.executeMany(
            "UPDATE auth_throttles SET failures = failures - 1 WHERE bucket = ? AND failures > 0",
            buckets.map { [.blob($0.key)] })
    }

    func clear(_ bucket: Bucket, in connection: any DatabaseConnection) throws {
        try connection.execute(
            "DELETE FROM auth_throttles WHERE bucket = ?", [.blob(bucket.key)])
    }

    private func bucket(_ rule: Rule, _ subject: String) -> Bucket {
        Bucket(rule: rule, key: secret.hash("throttle", rule.kind, subject))
    }

    private func remote(_ address: String) -> [Bucket] {
        let known = IPAddress(address)
        if exemptsLoopback && known?.isLoopback == true { return [] }
        return [bucket(Self.failuresPerAddress, known?.subscriberNetwork ?? address)]
    }
}
