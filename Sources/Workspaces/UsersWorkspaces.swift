import APIKeys
import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Users
import Values

/// What of workspaces concerns a user who goes.
package enum UsersWorkspaces {
    /// Teams that are named where a deletion is refused.
    private static let maximumNamed = 10

    /// Why the user cannot be erased: they own teams. If the user's row is locked, none is made or
    /// given to them meanwhile.
    ///
    /// - Returns: ``Problem`` 409 `owns_workspaces`, which names them.
    package static func refusalToErase(
        _ user: UUID, in connection: any DatabaseConnection
    ) throws -> Problem? {
        let teams = try WorkspaceRow.teams(ownedBy: user, in: connection)
        guard !teams.isEmpty else { return nil }
        let named = teams.prefix(maximumNamed)
        let more = teams.count > named.count ? " and \(teams.count - named.count) more" : ""
        var problem = Problem.ownsWorkspaces.with(
            detail: "You own \(named.map(\.displayName).joined(separator: ", "))\(more): "
                + "delete these teams or give them to another member first.")
        problem.members = ["workspaces": named.map(\.id.text).joined(separator: ", ")]
        return problem
    }

    /// Ends memberships, erases the personal workspace, and forgets the user elsewhere. The row of
    /// the user is still there.
    package static func erase(
        _ user: UserRow, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try WorkspaceRow.erasePersonal(of: user.id, in: connection)
        let members = try MemberRow.all(of: user.id, in: connection)
        for member in members {
            try AuditLine(
                workspaceID: member.workspaceID, at: now, actor: AuditLine.erased,
                act: .memberLeft, target: AuditLine.erased, before: member.told, after: nil,
                requestID: nil
            ).insert(in: connection)
            try member.delete(in: connection)
        }
        try InvitationRow.forget(
            user.id, emailKey: user.email?.lowercased(), in: connection)
        try APIKeyRow.forgetMaker(user.id, in: connection)
        try AuditLine.forget(user.id, in: connection)
    }
}

extension MemberRow {
    /// All memberships of a user.
    package static func all(
        of user: UUID, in connection: any DatabaseConnection
    ) throws -> [MemberRow] {
        let ids = try connection.query(
            "SELECT workspace_id FROM workspace_members WHERE user_id = ? ORDER BY workspace_id",
            [.uuid(user)]
        ).map { row in
            var reader = row.reader
            return try reader.uuid()
        }
        return try ids.compactMap { try find(user, of: $0, in: connection) }
    }
}
