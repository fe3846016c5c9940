import Database
import Foundation
import TestFixtures
import Testing
import Values
import WorkspaceBilling

/// Whose trial it is that a workspace has had.
struct OwnerTrialsTests {
    private func withOwners(
        _ body: (any Database, _ first: UUID, _ second: UUID) async throws -> Void
    ) async throws {
        try await withTemporaryDatabase { database in
            let (first, second) = (UUID(), UUID())
            for user in [first, second] { try await database.insertUser(user, at: .epoch) }
            try await body(database, first, second)
        }
    }

    private func use(
        by owner: UUID, in workspace: UUID, _ database: any Database
    ) async throws {
        _ = try await database.write { try OwnerTrials.use(by: owner, in: workspace, $0) }
    }

    private func wasUsed(by owner: UUID, _ database: any Database) async throws -> Bool {
        try await database.read { try OwnerTrials.wasUsed(by: owner, in: $0) }
    }

    @Test func whoIsGivenAWorkspaceThatHasHadItsTrialKeepsTheirOwn() async throws {
        try await withOwners { database, first, second in
            let workspace = UUID()
            try await use(by: first, in: workspace, database)
            // Every change that Stripe tells of says again that the workspace has had one.
            for owner in [first, second, second] {
                try await use(by: owner, in: workspace, database)
            }
            #expect(try await wasUsed(by: first, database))
            #expect(try await !wasUsed(by: second, database))
            try await use(by: second, in: UUID(), database)
            #expect(try await wasUsed(by: second, database))
        }
    }

    @Test func aTrialIsOfTheWorkspaceThatHadItWhicheverHadClaimedIt() async throws {
        try await withOwners { database, first, second in
            let (claimed, had) = (UUID(), UUID())
            _ = try await database.write { connection in
                try connection.execute(
                    """
                    INSERT INTO workspace_trials (owner_id, workspace_id, is_used)
                    VALUES (?, ?, 0)
                    """, [.uuid(first), .uuid(claimed)])
            }
            #expect(try await !wasUsed(by: first, database))
            try await use(by: first, in: had, database)
            try await use(by: second, in: had, database)
            #expect(try await wasUsed(by: first, database))
            #expect(try await !wasUsed(by: second, database))
            // One that was used stays of the workspace that used it.
            try await use(by: first, in: claimed, database)
            try await use(by: second, in: had, database)
            #expect(try await !wasUsed(by: second, database))
        }
    }
}
