import Database
import Foundation
import Identity
import TestFixtures
import Testing
import Users
import Values

@Suite("Mailed codes")
struct OneTimeCodesTests {
    private let now = TestCatalog.start
    private let user = UUID()

    /// The codes of one database, and the instants of their use.
    private struct Codes {
        let codes: OneTimeCodes
        let user: UUID
        let database: any Database

        func issue(
            _ purpose: OneTimeCodes.Purpose = .signUp, from address: String = "192.0.2.1",
            at now: Timestamp
        ) async throws -> String {
            try await database.write { [codes, user] connection in
                try codes.issue(
                    purpose, for: user, askedFrom: address, in: connection, now: now)
            }
        }

        func accepts(
            _ code: String, _ purpose: OneTimeCodes.Purpose = .signUp, of other: UUID? = nil,
            at now: Timestamp
        ) async throws -> Bool {
            try await database.read { [codes, user] connection in
                try codes.accepts(code, purpose, of: other ?? user, in: connection, now: now)
            }
        }
    }

    private func withCodes(
        _ secrets: [String] = ["secret"], _ body: (Codes) async throws -> Void
    ) async throws {
        try await withTemporaryDatabase { database in
            try await database.insertUser(user, at: now)
            try await body(
                Codes(
                    codes: OneTimeCodes(secrets: TokenHashSecrets(secrets)), user: user,
                    database: database))
        }
    }

    @Test("A code is six digits, good for ten minutes, for its user and purpose alone")
    func bounds() async throws {
        try await withCodes { codes in
            let code = try await codes.issue(at: now)
            #expect(code.wholeMatch(of: /[0-9]{6}/) != nil)
            #expect(try await codes.accepts(code, at: now.adding(seconds: 599)))
            #expect(try await codes.accepts(code, at: now.adding(seconds: 600)) == false)
            #expect(try await codes.accepts(code, .passwordReset, at: now) == false)
            #expect(try await codes.accepts(code, of: UUID(), at: now) == false)
            let other = code == "000000" ? "000001" : "000000"
            for wrong in [other, "", String(code.dropLast()), code + "0"] {
                #expect(try await codes.accepts(wrong, at: now) == false)
            }
        }
    }

    @Test("A stranger's request elsewhere makes no code worthless, one's own new one does")
    func replaced() async throws {
        try await withCodes { codes in
            let first = try await codes.issue(at: now)
            _ = try await codes.issue(from: "192.0.2.2", at: now)
            #expect(try await codes.accepts(first, at: now))
            var second = first
            // Of a million codes the new one may be the same.
            while second == first { second = try await codes.issue(at: now) }
            #expect(try await codes.accepts(first, at: now) == false)
            #expect(try await codes.accepts(second, at: now))
        }
    }

    @Test("No more than three run, the latest ones")
    func maximum() async throws {
        try await withCodes { codes in
            for network in 0..<6 as Range<Int64> {
                _ = try await codes.issue(
                    from: "192.0.2.\(network)", at: now.adding(seconds: network))
            }
            let oldest = try await codes.database.integer(
                "SELECT min(created_at) FROM one_time_codes")
            #expect(oldest == now.adding(seconds: 3).micros)
            let count = try await codes.database.integer("SELECT count(*) FROM one_time_codes")
            #expect(count == 3)
        }
    }

    @Test("A code is used once, and the others of its purpose go with it")
    func redeemed() async throws {
        try await withCodes { codes in
            let code = try await codes.issue(at: now)
            let elsewhere = try await codes.issue(from: "192.0.2.2", at: now)
            let reset = try await codes.issue(.passwordReset, at: now)
            func redeem(_ code: String) async throws -> Bool {
                try await codes.database.write { [user, now, codes = codes.codes] connection in
                    try codes.redeem(code, .signUp, of: user, in: connection, now: now)
                }
            }
            #expect(try await redeem(code))
            #expect(try await redeem(code) == false)
            #expect(try await redeem(elsewhere) == false)
            #expect(try await codes.accepts(reset, .passwordReset, at: now))
        }
    }

    @Test("No code lies in the database, and a code outlives the rotation of its secret")
    func rotation() async throws {
        try await withCodes { codes in
            let code = try await codes.issue(at: now)
            let hashes = "SELECT count(*) FROM one_time_codes WHERE length(code_hash) <> 32"
            #expect(try await codes.database.integer(hashes) == 0)
            let rotated = Codes(
                codes: OneTimeCodes(secrets: TokenHashSecrets(["new", "secret"])), user: user,
                database: codes.database)
            #expect(try await rotated.accepts(code, at: now))
            let other = Codes(
                codes: OneTimeCodes(secrets: TokenHashSecrets(["new"])), user: user,
                database: codes.database)
            #expect(try await other.accepts(code, at: now) == false)
        }
    }
}
