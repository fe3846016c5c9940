import APIKeys
import BillingEmails
import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Users
import Values
import WorkspaceAuditLog

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
    /// the user is locked and still there. The workspaces are locked behind it, as by who accepts
    /// an invitation: what the user decides at the same time was done before, or is not done, and
    /// so is what others decide on bills that go to the user.
    package static func erase(
        _ user: UserRow, _ mails: WorkspaceMails,
        _ billingEmailChanged: WorkspaceMails.AddressChange,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try lock(of: user.id, in: connection)
        try WorkspaceRow.erasePersonal(of: user.id, in: connection)
        for member in try MemberRow.all(of: user.id, in: connection) {
            try end(member, mails, in: connection, now: now)
        }
        let key = try ownEmailKey(of: user, in: connection)
        try InvitationRow.forget(user.id, emailKey: key, in: connection)
        if let key { try forgetBilling(key, billingEmailChanged, in: connection, now: now) }
        try APIKeyRow.forgetMaker(user.id, in: connection)
        try AuditLine.forget(user.id, in: connection)
    }

    /// Locks the workspaces that the user is a member of or whose bills go to the user, by their
    /// ids.
    package static func lock(of user: UUID, in connection: any DatabaseConnection) throws {
        guard let row = try UserRow.find(id: user, in: connection) else { return }
        let key = try ownEmailKey(of: row, in: connection)
        let billed = try key.map { try BillingEmail.workspaces(ofEmailKey: $0, in: connection) }
        let joined = try MemberRow.all(of: user, in: connection).map(\.workspaceID)
        for id in Set(joined + (billed ?? [])).sorted(by: { $0.text < $1.text }) {
            _ = try WorkspaceRow.findLocked(id, in: connection)
        }
    }

    /// Bills that went to the address go to the owner. An owner who asks for the address meanwhile
    /// waits for the user's row, since a mail to them does, and has asked for it afterwards.
    private static func forgetBilling(
        _ key: String, _ billingEmailChanged: WorkspaceMails.AddressChange,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        for id in try BillingEmail.workspaces(ofEmailKey: key, in: connection) {
            // One that was closed meanwhile has no address any more.
            guard try WorkspaceRow.findLocked(id, in: connection) != nil else { continue }
            let before = try BillingEmail.find(id, in: connection)
            try BillingEmail.forget(emailKey: key, of: id, in: connection)
            let after = try BillingEmail.find(id, in: connection)
            guard after.differs(from: before, at: now) else { continue }
            try AuditLine(
                workspaceID: id, at: now, actor: AuditLine.erased, act: .billingEmailChanged,
                target: id.text, before: before.told(at: now), after: after.told(at: now),
                requestID: nil
            ).insert(in: connection)
            try billingEmailChanged(id, nil, connection, now)
        }
    }

    private static func end(
        _ member: MemberRow, _ mails: WorkspaceMails, in connection: any DatabaseConnection,
        now: Timestamp
    ) throws {
        var after: JSONObject?
        if member.role == .admin,
            let workspace = try WorkspaceRow.find(member.workspaceID, in: connection)
        {
            after = [
                "live_keys": try workspace.endAdmin(
                    member.userID, named: "An admin whose account is deleted",
                    actor: AuditLine.erased, requestID: nil, mails, in: connection, now: now)
            ]
        }
        try AuditLine(
            workspaceID: member.workspaceID, at: now, actor: AuditLine.erased,
            act: .memberLeft, target: AuditLine.erased, before: member.told, after: after,
            requestID: nil
        ).insert(in: connection)
        try member.delete(in: connection)
    }

    /// The key of the user's address; `nil` if it may be somebody else's: if the user has not
    /// proven it, or an account of this service has it beside one of another issuer.
    private static func ownEmailKey(
        of user: UserRow, in connection: any DatabaseConnection
    ) throws -> String? {
        guard user.emailVerifiedAt != nil, let key = user.email?.lowercased() else { return nil }
        let known = try UserRow.find(emailKey: key, in: connection)
        return known == nil || known?.id == user.id ? key : nil
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
