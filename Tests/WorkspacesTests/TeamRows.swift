import APIKeys
import Database
import Foundation
import HTTPEndpoint
import TestFixtures
import Users
import Values
import Workspaces

/// What the database has of a team.
struct TeamRows: Sendable {
    private let database: any Database
    private let secrets: TokenHashSecrets
    private let people: [UUID]
    let team: UUID

    /// Signs up the people, and has the first of them make a team.
    init(
        foundedBy people: [UUID], provenAt now: Timestamp, proven: Set<Int>,
        requests: TeamRequests, _ database: any Database
    ) async throws {
        for person in people { try await database.insertUser(person, at: now) }
        for person in proven { try await Self.prove(people[person], now, in: database) }
        let made = try await requests.ask("CreateWorkspace", 0, body: ["display_name": "Acme"])
        guard let team = made.made else { throw Problem.internalError }
        self.database = database
        self.people = people
        self.team = team
        secrets = requests.parts.secrets
    }

    /// - Parameter instant: `nil`: the address waits for its proof.
    func prove(_ person: Int, _ instant: Timestamp?) async throws {
        try await Self.prove(people[person], instant, in: database)
    }

    private static func prove(
        _ id: UUID, _ instant: Timestamp?, in database: any Database
    ) async throws {
        _ = try await database.write { connection in
            try connection.execute(
                "UPDATE users SET email_verified_at = ? WHERE id = ?", [.time(instant), .uuid(id)])
        }
    }

    /// What the database has of the team.
    struct Seen {
        let row: WorkspaceRow
        let members: [MemberRow]
        let invitations: [UUID: InvitationRow]
        let keys: [UUID: APIKeyRow]
    }

    func see() async throws -> Seen {
        let team = team
        return try await database.read { connection in
            guard let row = try WorkspaceRow.find(team, in: connection) else {
                throw Problem.workspaceNotFound
            }
            let members = try MemberRow.page(of: team, after: nil, limit: 100, in: connection)
            let sent = try InvitationRow.page(of: team, before: nil, limit: 1000, in: connection)
            let keys = try APIKeyRow.page(of: team, before: nil, limit: 1000, in: connection)
            return Seen(
                row: row, members: members,
                invitations: Dictionary(uniqueKeysWithValues: sent.map { ($0.id, $0) }),
                keys: Dictionary(uniqueKeysWithValues: keys.map { ($0.id, $0) }))
        }
    }

    /// Lines of the audit log, and mails.
    func counts() async throws -> (audit: Int64, mails: Int64) {
        let (team, names) = (team, people.map { "'\($0.text)@example.test'" })
        return try await database.read { connection in
            func count(_ sql: String, _ values: [SQLValue]) throws -> Int64 {
                var reader = try connection.query(sql, values)[0].reader
                return try reader.integer()
            }
            return (
                try count(
                    "SELECT count(*) FROM workspace_audit WHERE workspace_id = ?", [.uuid(team)]),
                try count(
                    "SELECT count(*) FROM mails WHERE recipient IN "
                        + "(\(names.joined(separator: ",")))", [])
            )
        }
    }

    /// Of the mail that the person got last.
    func mailedToken(to person: Int) async throws -> String {
        let (recipient, secrets) = ("\(people[person].text)@example.test", secrets)
        return try await database.read { connection in
            let row = try connection.queryOne(
                """
                SELECT id, sealed_code FROM mails WHERE recipient = ? AND sealed_code IS NOT NULL
                ORDER BY created_at DESC LIMIT 1
                """, [.text(recipient)])
            guard var reader = row?.reader else { throw Problem.internalError }
            let id = try reader.uuid()
            return try secrets.open(reader.blob(), for: id.text)
        }
    }
}
