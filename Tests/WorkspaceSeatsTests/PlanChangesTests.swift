import Database
import Foundation
import TestFixtures
import Testing
import Values
import WorkspaceSeats

/// The claim of the one change of a workspace's seats that is under way, on a database.
@Suite("Claims of changes of seats")
struct PlanChangesTests {
    private static var now: Timestamp { TestCatalog.start }

    private func withTeam(
        _ body: (any Database, UUID) async throws -> Void
    ) async throws {
        try await withTemporaryDatabase { database in
            let (owner, id) = (UUID(), UUID())
            try await database.insertUser(owner, at: .epoch)
            _ = try await database.write { connection in
                try connection.execute(
                    """
                    INSERT INTO workspaces (id, display_name, slug, is_personal, owner_id,
                        subscription, seat_count, created_at, updated_at)
                    VALUES (?, 'Acme', 'acme', 0, ?, 'live', 3, 1, 1)
                    """, [.uuid(id), .uuid(owner)])
            }
            try await body(database, id)
        }
    }

    private func begin(
        _ id: UUID, after seconds: Int64, in database: any Database
    ) async throws -> UUID? {
        try await database.write {
            try PlanChanges.begin(of: id, in: $0, now: Self.now.adding(seconds: seconds))
        }
    }

    private func renew(
        _ claim: UUID, _ id: UUID, after seconds: Int64, in database: any Database
    ) async throws -> Bool {
        try await database.write {
            try PlanChanges.renew(claim, of: id, in: $0, now: Self.now.adding(seconds: seconds))
        }
    }

    private func isUnderWay(
        _ id: UUID, after seconds: Int64, in database: any Database
    ) async throws -> Bool {
        try await database.read {
            try PlanChanges.isUnderWay(of: id, in: $0, now: Self.now.adding(seconds: seconds))
        }
    }

    @Test("one is under way at a time, as long as it is renewed")
    func renewal() async throws {
        try await withTeam { database, id in
            let patience = PlanChanges.patience
            #expect(try await !isUnderWay(id, after: 0, in: database))
            let claim = try #require(try await begin(id, after: 0, in: database))
            #expect(try await isUnderWay(id, after: patience - 1, in: database))
            #expect(try await begin(id, after: patience - 1, in: database) == nil)
            #expect(try await renew(claim, id, after: patience - 1, in: database))
            #expect(try await begin(id, after: patience, in: database) == nil)
            // Late, and in nobody's way.
            #expect(try await !isUnderWay(id, after: 3 * patience, in: database))
            #expect(try await renew(claim, id, after: 3 * patience, in: database))
            let next = try await begin(id, after: 5 * patience, in: database)
            #expect(next != nil && next != claim)
            // Another has taken its place: it neither goes on nor ends the other.
            #expect(try await !renew(claim, id, after: 5 * patience, in: database))
            try await database.write { try PlanChanges.end(claim, of: id, in: $0) }
            #expect(try await isUnderWay(id, after: 5 * patience, in: database))
        }
    }

    @Test("a claim of a clock that was ahead binds nobody")
    func ahead() async throws {
        try await withTeam { database, id in
            let patience = PlanChanges.patience
            let ahead = try await begin(id, after: 10 * patience, in: database)
            let isUnderWay = try await isUnderWay(id, after: 0, in: database)
            let next = try await begin(id, after: 0, in: database)
            #expect(ahead != nil && !isUnderWay && next != nil)
        }
    }
}
