import BillingEmails
import Database
import Foundation
import Identity
import TestFixtures
import Testing
import Users
import Values

/// The address for bills as rows: until when it waits, and what ends that.
@Suite("Addresses for bills")
struct BillingEmailTests {
    private static let end = Timestamp.epoch.adding(seconds: 600)
    private static let justBefore = Timestamp.epoch.adding(seconds: 599)

    /// So many workspaces, each with an address that was proven and another that waits for the code
    /// whose hash is 2.
    private func withWorkspaces(
        _ count: Int = 1, _ body: (any Database, [UUID]) async throws -> Void
    ) async throws {
        let proven = try #require(EmailAddress("proven@example.test"))
        let waiting = try #require(EmailAddress("waiting@example.test"))
        try await withTemporaryDatabase { database in
            let (owner, ids) = (UUID(), (0..<count).map { _ in UUID() })
            // So late that the sweep leaves the account, whose address is not proven.
            try await database.insertUser(owner, at: Self.end)
            try await database.write { connection in
                for id in ids {
                    try connection.execute(
                        """
                        INSERT INTO workspaces (id, display_name, slug, is_personal, owner_id,
                            subscription, seat_count, created_at, updated_at)
                        VALUES (?, 'Acme', ?, 0, ?, 'live', 1, 1, 1)
                        """, [.uuid(id), .text(id.text), .uuid(owner)])
                    try BillingEmail.propose(
                        proven, of: id, codeHash: [1], until: Self.end, in: connection)
                    #expect(try Self.confirm([1], of: id, in: connection))
                    try BillingEmail.propose(
                        waiting, of: id, codeHash: [2], until: Self.end, in: connection)
                }
            }
            try await body(database, ids)
        }
    }

    private static func confirm(
        _ hash: [UInt8], of id: UUID, in connection: any DatabaseConnection,
        now: Timestamp = .epoch
    ) throws -> Bool {
        try BillingEmail.confirm(of: id, in: connection, now: now) { _ in [hash] }
    }

    private func find(_ id: UUID, in database: any Database) async throws -> BillingEmail {
        try await database.read { try BillingEmail.find(id, in: $0) }
    }

    @Test("an address waits as long as its code is good, and no longer")
    func over() async throws {
        try await withWorkspaces { database, ids in
            let found = try await find(ids[0], in: database)
            #expect(found.address == "proven@example.test")
            #expect(found.pending(at: Self.justBefore) == "waiting@example.test")
            #expect(found.codeEnd(at: Self.justBefore) == Self.end)
            #expect(found.pending(at: Self.end) == nil && found.codeEnd(at: Self.end) == nil)
            let isGood = try await database.write {
                try Self.confirm([2], of: ids[0], in: $0, now: Self.end)
            }
            #expect(!isGood)
        }
    }

    @Test("after five wrong codes it waits no more, and the right one is none")
    func wrong() async throws {
        try await withWorkspaces { database, ids in
            for number in 1...5 {
                let isGood = try await database.write {
                    try Self.confirm([9], of: ids[0], in: $0)
                }
                #expect(!isGood)
                let found = try await find(ids[0], in: database)
                #expect((found.pending(at: .epoch) == nil) == (number == 5))
            }
            let isGood = try await database.write { try Self.confirm([2], of: ids[0], in: $0) }
            #expect(!isGood)
        }
    }

    /// As where another database transaction takes back what waits between the look and the write.
    @Test("what is taken back while its code is judged proves nothing and erases nothing")
    func takenBack() async throws {
        try await withWorkspaces { database, ids in
            let isGood = try await database.write { connection in
                try BillingEmail.confirm(of: ids[0], in: connection, now: .epoch) { _ in
                    do {
                        try BillingEmail.dropPending(of: ids[0], in: connection)
                    } catch {
                        Issue.record(error)
                    }
                    return [[2]]
                }
            }
            #expect(!isGood)
            #expect(try await find(ids[0], in: database).address == "proven@example.test")
        }
    }

    @Test(
        "who is erased is forgotten as payer and as who waits, in the workspace that is named",
        arguments: ["proven@example.test", "waiting@example.test", "another@example.test"])
    func erased(key: String) async throws {
        try await withWorkspaces(2) { database, ids in
            let named = try await database.write { connection in
                try BillingEmail.forget(emailKey: key, of: ids[0], in: connection)
                return try BillingEmail.workspaces(ofEmailKey: key, in: connection)
            }
            #expect(named == (key.hasPrefix("another") ? [] : [ids[1]]))
            let found = try await find(ids[0], in: database)
            #expect((found.address == nil) == key.hasPrefix("proven"))
            #expect((found.pending(at: .epoch) == nil) == key.hasPrefix("waiting"))
        }
    }

    @Test("the sweep erases what waits for a code that is over, and nothing else")
    func swept() async throws {
        try await withWorkspaces(3) { database, ids in
            let erased = try await database.write { connection in
                [Self.justBefore, Self.end, Self.end, Self.end].map { now -> Int in
                    do {
                        return try BillingEmail.erasePending(until: now, limit: 2, in: connection)
                    } catch {
                        Issue.record(error)
                        return -1
                    }
                }
            }
            #expect(erased == [0, 2, 1, 0])
            for id in ids {
                let found = try await find(id, in: database)
                #expect(found.address == "proven@example.test")
                #expect(found.pending(at: .epoch) == nil)
            }
        }
    }

    @Test("the service's sweep does that")
    func service() async throws {
        try await withWorkspaces { database, _ in
            for (now, left) in [(Self.justBefore, Int64(1)), (Self.end, 0)] {
                try await IdentitySweeper(
                    database: database, clock: DecisionClock { now }, keepsMails: false
                ).sweep()
                let waiting = try await database.integer(
                    "SELECT count(pending_email) FROM workspace_billing_emails")
                #expect(waiting == left)
            }
        }
    }
}
