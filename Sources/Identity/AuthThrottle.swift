import Database
import FoundationEssentials
import HTTPEndpoint
import Users
import Values

/// Slows down guessing and mailing (a rate limiter with fixed windows). A window starts with the
/// first attempt and is judged by the decisions' clock.
///
/// What counts against an address of mail counts for one network first, and ten times as much over
/// all networks: what one network sends fills its own buckets and no others, so it keeps out nobody
/// who comes from another.
///
/// An attempt is judged before any work is done for it. It is counted again where its outcome is
/// written, and taken back if it was good, in one database transaction: guesses that are sent all
/// at once learn no more than the same guesses one after another.
package struct AuthThrottle: Sendable {
    struct Rule: Sendable {
        let kind: String
        let limit: Int64
        let seconds: Int64

        /// The same over all networks.
        fileprivate var everywhere: Rule {
            Rule(kind: kind + " everywhere", limit: limit * 10, seconds: seconds)
        }
    }

    /// Wrong passwords and codes for one account, existing or not, from one network.
    static let failuresPerAccount = Rule(kind: "account", limit: 10, seconds: 15 * 60)
    /// Wrong passwords and codes from one network; many people may share one.
    static let failuresPerNetwork = Rule(kind: "network", limit: 50, seconds: 15 * 60)
    /// Wrong codes from one network since the last one was mailed. The window outlives every code.
    static let triesPerCode = Rule(kind: "code", limit: 5, seconds: 60 * 60)
    /// Mails to one address that anybody can cause from one network.
    static let mailsPerEmail = Rule(kind: "mail", limit: 5, seconds: 60 * 60)
    /// Sign-ups and requests for codes from one network, whatever they were answered.
    static let requestsPerNetwork = Rule(kind: "request", limit: 50, seconds: 60 * 60)
    /// When a code was last mailed, or would have been. It outlives every code.
    private static let issues = Rule(kind: "issue", limit: .max, seconds: 60 * 60)
    /// So long the buckets are kept.
    static let longestWindow: Int64 = 24 * 60 * 60

    package struct Bucket: Sendable {
        let rule: Rule
        /// One under each secret; the first is the one that counts.
        let keys: [[UInt8]]
    }

    private let secrets: TokenHashSecrets
    private let exemptsLoopback: Bool

    /// - Parameter exemptsLoopback: in development, where everybody comes from one address.
    package init(secrets: TokenHashSecrets, exemptsLoopback: Bool) {
        self.secrets = secrets
        self.exemptsLoopback = exemptsLoopback
    }

    /// The part of an address that one subscriber has.
    package static func network(of address: String) -> String {
        IPAddress(address)?.subscriberNetwork ?? address
    }

    // MARK: Buckets
    // Each list begins with what is one network's own, and lists are in one order of kinds.

    /// What a wrong password would count against.
    package func password(of emailKey: String, from address: String) -> [Bucket] {
        let (own, everywhere) = pair(Self.failuresPerAccount, emailKey, from: address)
        return [own] + wholeNetwork(Self.failuresPerNetwork, of: address) + [everywhere]
    }

    /// What a wrong code would count against.
    ///
    /// - Parameter issue: names the code that was mailed last: the tries of each are its own.
    func code(
        _ purpose: OneTimeCodes.Purpose, of emailKey: String, issue: String, from address: String
    ) -> [Bucket] {
        let (own, everywhere) = pair(
            Self.triesPerCode, "\(purpose.rawValue) \(issue) \(emailKey)", from: address)
        var buckets = password(of: emailKey, from: address)
        buckets.insert(own, at: 0)
        buckets.insert(everywhere, at: buckets.count - 1)
        return buckets
    }

    package func mails(to emailKey: String, from address: String) -> [Bucket] {
        let (own, everywhere) = pair(Self.mailsPerEmail, emailKey, from: address)
        return [own, everywhere]
    }

    /// What a sign-up or a request for a code counts against, whatever it is answered.
    package func requests(from address: String) -> [Bucket] {
        wholeNetwork(Self.requestsPerNetwork, of: address)
    }

    /// A bucket of another part of the service, over all networks.
    ///
    /// - Parameter seconds: at most ``longestWindow``.
    package func bucket(
        _ kind: String, of subject: String, limit: Int64, seconds: Int64
    ) -> Bucket {
        Bucket(
            rule: Rule(kind: kind, limit: limit, seconds: seconds),
            keys: secrets.hashes(.throttle, kind, subject))
    }

    private func pair(_ rule: Rule, _ subject: String, from address: String) -> (Bucket, Bucket) {
        (
            Bucket(
                rule: rule,
                keys: secrets.hashes(.throttle, rule.kind, subject, Self.network(of: address))),
            Bucket(
                rule: rule.everywhere,
                keys: secrets.hashes(.throttle, rule.everywhere.kind, subject))
        )
    }

    private func wholeNetwork(_ rule: Rule, of address: String) -> [Bucket] {
        if exemptsLoopback && IPAddress(address)?.isLoopback == true { return [] }
        return [
            Bucket(
                rule: rule,
                keys: secrets.hashes(.throttle, rule.kind, Self.network(of: address)))
        ]
    }

    // MARK: Judging

    /// The refusal, where a bucket is full.
    package func refusal(
        _ buckets: [Bucket], in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Problem? {
        for bucket in buckets {
            for key in bucket.keys {
                let row = try connection.queryOne(
                    "SELECT failures, window_started_at FROM auth_throttles WHERE bucket = ?",
                    [.blob(key)])
                guard var reader = row?.reader else { continue }
                let (failures, start) = (try reader.integer(), try reader.time())
                let end = start.adding(seconds: bucket.rule.seconds)
                if failures >= bucket.rule.limit && now < end {
                    return .tooManyAttempts.retry(afterSeconds: now.secondsRoundedUp(until: end))
                }
            }
        }
        return nil
    }

    /// Judges an attempt and counts it. Where a bucket was full it is refused before it is looked
    /// at and counts for nothing, so that a client that repeats itself locks nothing more.
    package func begin(
        _ buckets: [Bucket], in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Problem? {
        if let refusal = try refusal(buckets, in: connection, now: now) { return refusal }
        return try count(buckets, in: connection, now: now)
    }

    /// Counts one in each bucket, up to the first that had been full before: attempts of one
    /// network that are sent at once fill no bucket that others share.
    /// - Returns: the refusal, where a bucket had been full before.
    private func count(
        _ buckets: [Bucket], in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Problem? {
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
                """, [.blob(bucket.keys[0]), .time(now), expired, expired])
            guard var reader = rows.first?.reader else { continue }
            let (failures, start) = (try reader.integer(), try reader.time())
            let end = start.adding(seconds: bucket.rule.seconds)
            if failures > bucket.rule.limit {
                return .tooManyAttempts.retry(afterSeconds: now.secondsRoundedUp(until: end))
            }
        }
        return nil
    }

    /// Takes back what was counted in this database transaction: the attempt was good.
    package func forgive(_ buckets: [Bucket], in connection: any DatabaseConnection) throws {
        try connection.executeMany(
            "UPDATE auth_throttles SET failures = failures - 1 WHERE bucket = ? AND failures > 0",
            buckets.map { [.blob($0.keys[0])] })
    }

    // MARK: The code that was mailed last

    /// Notes that a code is mailed now, or would be if there were such an account: from now on its
    /// tries count anew.
    func noteIssue(
        of purpose: OneTimeCodes.Purpose, to emailKey: String,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            """
            INSERT INTO auth_throttles (bucket, failures, window_started_at) VALUES (?, 1, ?)
            ON CONFLICT (bucket) DO UPDATE SET
                window_started_at = excluded.window_started_at
            """, [.blob(issueKeys(purpose, emailKey)[0]), .time(now)])
    }

    /// Names the code that was mailed last, for ``code(_:of:issue:from:)``.
    func latestIssue(
        of purpose: OneTimeCodes.Purpose, to emailKey: String,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws -> String {
        for key in issueKeys(purpose, emailKey) {
            let row = try connection.queryOne(
                """
                SELECT window_started_at FROM auth_throttles
                WHERE bucket = ? AND window_started_at > ?
                """, [.blob(key), .time(now.adding(seconds: -Self.issues.seconds))])
            if var reader = row?.reader { return String(try reader.time().micros) }
        }
        return "none"
    }

    private func issueKeys(_ purpose: OneTimeCodes.Purpose, _ emailKey: String) -> [[UInt8]] {
        secrets.hashes(.throttle, Self.issues.kind, purpose.rawValue, emailKey)
    }
}
