import Database
import Foundation
import JSON
import Mail
import Messaging
import TestFixtures
import Testing
import Users
import Values
import WorkspaceBilling
import Workspaces

/// Who is mailed that a change of the subscription has taken their seat, however many they are.
@Suite("Mails of seats that are lost")
struct SeatLossesTests {
    private static var now: Timestamp { TestCatalog.start }

    private func withTeam(
        members count: Int,
        _ body: (any Database, WorkspaceRow, [UUID]) async throws -> Void
    ) async throws {
        try await withTemporaryDatabase { database in
            let (owner, id) = (UUID(), UUID())
            let members = (0..<count).map { _ in UUID() }
            for user in [owner] + members { try await database.insertUser(user, at: .epoch) }
            try await database.write { connection in
                try connection.execute(
                    """
                    INSERT INTO workspaces (id, display_name, slug, is_personal, owner_id,
                        subscription, seat_count, frozen_at, created_at, updated_at)
                    VALUES (?, 'Acme', 'acme', 0, ?, 'none', 0, 1, 1, 1)
                    """, [.uuid(id), .uuid(owner)])
                _ = try connection.executeMany(
                    """
                    INSERT INTO workspace_members (workspace_id, user_id, role, status, joined_at)
                    VALUES (?, ?, 'member', 'disabled', 1)
                    """, members.map { [.uuid(id), .uuid($0)] })
            }
            let row = try #require(
                try await database.read { try WorkspaceRow.find(id, in: $0) })
            try await body(database, row, members)
        }
    }

    private func losses(_ database: any Database) -> SeatLosses {
        SeatLosses(
            broker: EmbeddedBroker(database: database, wall: { Self.now }),
            mails: WorkspaceMails(
                outbox: MailOutbox(
                    broker: nil, templates: MailTemplates(), secrets: TokenHashSecrets(["one"])),
                site: "https://cuebx.test"))
    }

    @Test("each is mailed once, whatever comes twice, but not who has a seat again or is gone")
    func mails() async throws {
        try await withTeam(members: 203) { database, team, members in
            let losses = losses(database)
            try await database.write { connection in
                try losses.announce(members, team, nil, in: connection, now: Self.now)
            }
            // So many rows are not written while calls wait.
            #expect(try await database.integer("SELECT count(*) FROM mails") == 0)
            let bodies = try await database.texts("SELECT body FROM messages ORDER BY id")
            #expect(bodies.count == 2)
            try await database.write { connection in
                try connection.execute(
                    "UPDATE workspace_members SET status = 'enabled' WHERE user_id = ?",
                    [.uuid(members[0])])
                try connection.execute(
                    "DELETE FROM workspace_members WHERE user_id = ?", [.uuid(members[1])])
            }
            for body in bodies + bodies {
                let isTheirs = try await losses.handle(
                    JSONValue.parse(body), in: database, now: Self.now)
                #expect(isTheirs)
            }
            let recipients = try await database.texts("SELECT recipient FROM mails")
            #expect(
                recipients.sorted()
                    == members.dropFirst(2).map { "\($0.text)@example.test" }.sorted())
        }
    }

    @Test("other messages are none of these, and a team that is gone tells nobody")
    func others() async throws {
        try await withTeam(members: 1) { database, team, members in
            let losses = losses(database)
            for body in [#"{"type":"move"}"#, #"{"seats_lost_in":7}"#, #"{"seats_lost_in":"x"}"#] {
                let isTheirs = try await losses.handle(
                    JSONValue.parse(body), in: database, now: Self.now)
                #expect(!isTheirs)
            }
            try await database.write { connection in
                try losses.announce(members, team, nil, in: connection, now: Self.now)
                try team.close(in: connection, now: Self.now)
            }
            for body in try await database.texts("SELECT body FROM messages") {
                _ = try await losses.handle(JSONValue.parse(body), in: database, now: Self.now)
            }
            #expect(try await database.integer("SELECT count(*) FROM mails") == 0)
        }
    }
}
