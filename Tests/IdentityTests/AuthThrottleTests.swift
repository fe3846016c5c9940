import Database
import Foundation
import HTTPEndpoint
import Identity
import TestFixtures
import Testing
import Users
import Values

@Suite("Guesses are slowed down by network and by address")
struct AuthThrottleTests {
    private let now = TestCatalog.start
    private let throttle = AuthThrottle(
        secrets: TokenHashSecrets(["secret"]), exemptsLoopback: false)

    @Test(
        "Addresses of one subscriber are one network, however they are written",
        arguments: [
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::1", "2001:db8:0:0:ffff:ffff:ffff:ffff", true),
            ("2001:db8::1", "2001:DB8::2", true), ("2001:db8::1", "2001:db8:0:1::1", false),
            ("", "192.0.2.1", false), ("nonsense", "nonsense", true),
        ])
    func networks(one: String, other: String, areOne: Bool) {
        #expect((AuthThrottle.network(of: one) == AuthThrottle.network(of: other)) == areOne)
    }

    /// How many attempts are let through of so many.
    private func attempts(
        _ count: Int, _ buckets: [AuthThrottle.Bucket], _ throttle: AuthThrottle? = nil,
        at instant: Timestamp? = nil, in database: any Database
    ) async throws -> Int {
        let (throttle, instant) = (throttle ?? self.throttle, instant ?? now)
        return try await database.write { connection in
            try (0..<count).filter { _ in
                try throttle.begin(buckets, in: connection, now: instant) == nil
            }.count
        }
    }

    @Test("One network's guesses end at their limit, and leave the account open to all others")
    func oneNetwork() async throws {
        try await withTemporaryDatabase { database in
            let mine = throttle.password(of: "ada@example.test", from: "192.0.2.1")
            let passed1 = try await attempts(30, mine, in: database)
            #expect(passed1 == 10)
            let theirs = throttle.password(of: "ada@example.test", from: "192.0.2.2")
            let passed2 = try await attempts(1, theirs, in: database)
            #expect(passed2 == 1)
            let another = throttle.password(of: "bob@example.test", from: "192.0.2.1")
            let passed3 = try await attempts(1, another, in: database)
            #expect(passed3 == 1)
        }
    }

    @Test("Over all networks ten times as many guesses of one account are let through, no more")
    func everywhere() async throws {
        try await withTemporaryDatabase { database in
            var passed = 0
            for network in 0..<30 {
                let address = "192.0.2.\(network)"
                passed += try await attempts(
                    6, throttle.password(of: "ada@example.test", from: address), in: database)
            }
            #expect(passed == 100)
        }
    }

    @Test("A refusal says when to come back, and then the window is over")
    func window() async throws {
        try await withTemporaryDatabase { database in
            let buckets = throttle.mails(to: "ada@example.test", from: "192.0.2.1")
            let passed4 = try await attempts(9, buckets, in: database)
            #expect(passed4 == 5)
            let (throttle, now) = (throttle, now)
            let refusal = try await database.read {
                try throttle.refusal(buckets, in: $0, now: now.adding(seconds: 3599))
            }
            #expect(refusal?.status == 429 && refusal?.headers[.retryAfter] == "1")
            let later = now.adding(seconds: 3600)
            let passed5 = try await attempts(9, buckets, at: later, in: database)
            #expect(passed5 == 5)
        }
    }

    @Test("A good attempt is taken back, and a bucket is never below nothing")
    func forgiven() async throws {
        try await withTemporaryDatabase { database in
            let buckets = throttle.password(of: "ada@example.test", from: "192.0.2.1")
            let throttle = throttle
            let passed6 = try await attempts(1, buckets, in: database)
            #expect(passed6 == 1)
            try await database.write { connection in
                for _ in 0..<3 { try throttle.forgive(buckets, in: connection) }
            }
            let passed7 = try await attempts(30, buckets, in: database)
            #expect(passed7 == 10)
        }
    }

    @Test("What was counted under an older secret still counts after the rotation")
    func rotation() async throws {
        try await withTemporaryDatabase { database in
            let rotated = AuthThrottle(
                secrets: TokenHashSecrets(["new", "secret"]), exemptsLoopback: false)
            let old = throttle.mails(to: "ada@example.test", from: "192.0.2.1")
            let passed8 = try await attempts(9, old, in: database)
            #expect(passed8 == 5)
            let new = rotated.mails(to: "ada@example.test", from: "192.0.2.1")
            let passed9 = try await attempts(1, new, rotated, in: database)
            #expect(passed9 == 0)
        }
    }

    @Test("Only in development, and only from loopback, a whole network has no limit")
    func loopback() {
        let development = AuthThrottle(
            secrets: TokenHashSecrets(["secret"]), exemptsLoopback: true)
        #expect(development.requests(from: "127.0.0.1").isEmpty)
        #expect(development.requests(from: "::1").isEmpty)
        #expect(development.requests(from: "192.0.2.1").count == 1)
        #expect(throttle.requests(from: "127.0.0.1").count == 1)
    }
}
