import BillingEmails
import Database
import Foundation
import TestFixtures
import Testing
import Users
import Values
import WorkspaceCommands
import Workspaces

/// What a change of its subscription does to a workspace, on a database.
@Suite("Subscriptions of workspaces")
struct TakeSubscriptionTests {
    /// A team with its owner and so many enabled members, of whom the last came last.
    private func withTeam(
        members count: Int, seats: Int64,
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
                        subscription, seat_count, created_at, updated_at)
                    VALUES (?, 'Acme', 'acme', 0, ?, 'live', ?, 1, 1)
                    """, [.uuid(id), .uuid(owner), .integer(seats)])
                try connection.executeMany(
                    """
                    INSERT INTO workspace_members (workspace_id, user_id, role, status, joined_at)
                    VALUES (?, ?, 'admin', 'enabled', ?)
                    """,
                    ([owner] + members).enumerated().map { place, user in
                        [.uuid(id), .uuid(user), .integer(place)]
                    })
            }
            let row = try #require(
                try await database.read { try WorkspaceRow.find(id, in: $0) })
            try await body(database, row, members)
        }
    }

    private func take(
        _ standing: WorkspaceSubscription.Standing, _ seats: Int64, pending: Int64? = nil,
        isQuiet: Bool = false, of id: UUID, in database: any Database
    ) async throws -> WorkspaceRow? {
        try await database.write {
            try Self.taking.perform(
                WorkspaceSubscription(
                    standing: standing, seatCount: seats, pendingSeatCount: pending),
                isQuiet: isQuiet, of: id, requestID: nil, in: $0, now: TestCatalog.start)
        }
    }

    /// Tells at once what the service leaves to a worker.
    private static var taking: TakeSubscription {
        let mails = WorkspaceSamples.parts.mails
        return TakeSubscription(mails) { users, workspace, requestID, connection, now in
            for user in users {
                guard let row = try UserRow.find(id: user, in: connection) else { continue }
                try mails.disabled(
                    row, workspace, id: UUID(), requestID, in: connection, now: now)
            }
        }
    }

    private func enabled(
        of id: UUID, in database: any Database
    ) async throws -> Set<UUID> {
        let rows = try await database.read {
            try MemberRow.page(of: id, after: nil, limit: 100, in: $0)
        }
        return Set(rows.filter { $0.status == .enabled }.map(\.userID))
    }

    @Test("a team whose subscription ends is frozen with its owner alone")
    func freezes() async throws {
        try await withTeam(members: 2, seats: 3) { database, team, _ in
            let frozen = try await take(.none, 0, of: team.id, in: database)
            #expect(frozen?.status == .frozen && frozen?.refusalToAdd == .workspaceFrozen)
            #expect(try await enabled(of: team.id, in: database) == [team.ownerID])
            // The same once more changes nothing, and the first time stays.
            let again = try await take(.none, 0, of: team.id, in: database)
            #expect(again == frozen)
            let mails = try await database.texts("SELECT subject FROM mails ORDER BY id")
            #expect(mails.filter { $0.contains("frozen") }.count == 1)
            #expect(mails.filter { $0.contains("disabled") }.count == 2)
        }
    }

    @Test("a big team that is frozen while it is deleted is disabled at once, and nobody is told")
    func quiet() async throws {
        try await withTeam(members: 300, seats: 301) { database, team, members in
            let frozen = try await take(.none, 0, isQuiet: true, of: team.id, in: database)
            #expect(frozen?.status == .frozen)
            let enabled = try await database.texts(
                "SELECT status FROM workspace_members WHERE status = 'enabled'")
            #expect(enabled.count == 1)
            #expect(try await database.integer("SELECT count(*) FROM mails") == 0)
            // The log tells of each once, and what they were.
            let lines = try await database.texts(
                """
                SELECT target FROM workspace_audit WHERE action = 'member_changed'
                    AND state_before LIKE '%enabled%' AND state_after LIKE '%disabled%'
                """)
            #expect(Set(lines) == Set(members.map(\.text)) && lines.count == members.count)
        }
    }

    /// Whose the address for bills is.
    enum Payer: CaseIterable {
        case unproven, proven, owner
    }

    @Test(
        "of its subscription the owner is told, and the address for bills once it is proven",
        arguments: Payer.allCases)
    func billing(payer: Payer) async throws {
        try await withTeam(members: 1, seats: 3) { database, team, _ in
            let owner = "\(team.ownerID.text)@example.test"
            // An owner to whom a team was given whose bills went to them before.
            let email = try #require(
                EmailAddress(payer == .owner ? owner.uppercased() : "bills@example.test"))
            try await database.write { connection in
                try BillingEmail.propose(
                    email, of: team.id, codeHash: [1], until: .epoch.adding(seconds: 9),
                    in: connection)
                guard payer != .unproven else { return }
                let isGood = try BillingEmail.confirm(
                    of: team.id, in: connection, now: .epoch
                ) { _ in [[1]] }
                #expect(isGood)
            }
            _ = try await take(.live, 5, of: team.id, in: database)
            _ = try await take(.none, 0, of: team.id, in: database)
            _ = try await take(.live, 5, of: team.id, in: database)
            let mails = try await database.texts(
                "SELECT recipient || ' ' || subject FROM mails ORDER BY subject, recipient")
            let subjects = [
                "Acme is active again", "Acme is frozen", "The seats of Acme were changed",
            ]
            let recipients = payer == .proven ? [owner, email.text] : [owner]
            #expect(
                mails.filter { !$0.contains("disabled") }
                    == subjects.flatMap { subject in
                        recipients.sorted().map { "\($0) \(subject)" }
                    })
        }
    }

    @Test("paid again it is active at once, with the owner alone")
    func goesOn() async throws {
        try await withTeam(members: 2, seats: 3) { database, team, _ in
            _ = try await take(.none, 0, of: team.id, in: database)
            let active = try await take(.live, 3, of: team.id, in: database)
            #expect(active?.status == .active && active?.refusalToAdd == nil)
            #expect(try await enabled(of: team.id, in: database) == [team.ownerID])
            let acts = try await database.texts("SELECT action FROM workspace_audit ORDER BY id")
            #expect(acts.filter { $0 == "unfrozen" }.count == 1)
        }
    }

    @Test("what is not paid yet ends no freeze")
    func unpaid() async throws {
        try await withTeam(members: 2, seats: 3) { database, team, _ in
            _ = try await take(.none, 0, of: team.id, in: database)
            let mails = try await database.integer("SELECT count(*) FROM mails")
            let unpaid = try await take(.inactive, 3, of: team.id, in: database)
            #expect(unpaid?.status == .frozen)
            #expect(try await enabled(of: team.id, in: database) == [team.ownerID])
            #expect(try await database.integer("SELECT count(*) FROM mails") == mails)
            let paid = try await take(.live, 3, of: team.id, in: database)
            #expect(paid?.status == .active)
        }
    }

    @Test("fewer seats than enabled members disable the newest who are not the owner")
    func shrinks() async throws {
        try await withTeam(members: 4, seats: 5) { database, team, members in
            _ = try await take(.live, 3, of: team.id, in: database)
            #expect(
                try await enabled(of: team.id, in: database)
                    == [team.ownerID, members[0], members[1]])
            _ = try await take(.live, 0, of: team.id, in: database)
            #expect(try await enabled(of: team.id, in: database) == [team.ownerID])
        }
    }

    @Test("fewer seats that begin later disable nobody, and one more is let in no longer")
    func later() async throws {
        try await withTeam(members: 2, seats: 3) { database, team, _ in
            let row = try await take(.live, 4, pending: 3, of: team.id, in: database)
            #expect(row?.subscription.available(beside: 3) == 0)
            #expect(try await enabled(of: team.id, in: database).count == 3)
        }
    }

    @Test("what is not paid may not be used, and nobody is disabled for it")
    func inactive() async throws {
        try await withTeam(members: 2, seats: 3) { database, team, _ in
            let row = try await take(.inactive, 3, of: team.id, in: database)
            #expect(row?.status == .active)
            #expect(row?.refusalToAdd == .workspaceSubscriptionInactive)
            #expect(try await enabled(of: team.id, in: database).count == 3)
            // Its seats are as many as before: of them nothing is told.
            #expect(try await database.integer("SELECT count(*) FROM workspace_audit") == 0)
            #expect(try await database.integer("SELECT count(*) FROM mails") == 0)
        }
    }

    @Test("a suspension outlives a freeze and what ends it")
    func suspended() async throws {
        try await withTeam(members: 0, seats: 1) { database, team, _ in
            let administration = WorkspaceAdministration(
                WorkspaceSamples.parts(of: database))
            #expect(try await administration.setSuspended("acme", reason: "abuse").isNew)
            let steps: [(WorkspaceSubscription.Standing, Int64)] = [(.none, 0), (.live, 2)]
            for (standing, seats) in steps {
                let row = try await take(standing, seats, of: team.id, in: database)
                #expect(row?.status == .suspended)
            }
        }
    }

    @Test("a team that never had a subscription is not frozen")
    func never() async throws {
        try await withTeam(members: 0, seats: 0) { database, team, _ in
            try await database.write { connection in
                _ = try connection.execute("UPDATE workspaces SET subscription = 'none'")
            }
            let row = try await take(.none, 0, of: team.id, in: database)
            #expect(row?.status == .active)
            #expect(row?.refusalToAdd == .workspaceWithoutSubscription)
            #expect(try await database.integer("SELECT count(*) FROM workspace_audit") == 0)
        }
    }

    @Test("a closed workspace takes nothing")
    func closed() async throws {
        try await withTeam(members: 0, seats: 1) { database, team, _ in
            #expect(try await take(.live, 1, of: UUID(), in: database) == nil)
            try await database.write { connection in
                _ = try connection.execute("DELETE FROM workspace_members")
                _ = try connection.execute(
                    "UPDATE workspaces SET owner_id = NULL, slug = NULL, closed_at = 1")
            }
            #expect(try await take(.live, 5, of: team.id, in: database) == nil)
        }
    }
}

@Suite("Client ids")
struct ClientIDTests {
    @Test("a client id is the workspace's id and nothing else is one")
    func roundTrip() {
        let row = WorkspaceSamples.workspace(.live)
        #expect(row.clientID.count == 35 && WorkspaceRow.id(ofClient: row.clientID) == row.id)
        let bad = [
            "", "ws_", row.clientID + "0", row.clientID.uppercased(),
            String(row.clientID.dropLast()),
            "ws_" + row.id.text, row.id.text,
        ]
        for text in bad { #expect(WorkspaceRow.id(ofClient: text) == nil, "\(text)") }
    }
}
