import APIKeys
import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Users
import Values
import WorkspaceAuditLog

extension WorkspaceRow {
    /// What ends with an admin: their invitations that wait. Their keys stay, and are named to the
    /// owner. The workspace's row is locked.
    ///
    /// - Parameters:
    ///   - who: what the owner is told of the admin.
    ///   - actor: whom the audit log names.
    /// - Returns: the first characters of the live keys that they made.
    package func endAdmin(
        _ user: UUID, named who: String, actor: String, requestID: String?,
        _ mails: WorkspaceMails, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> JSONValue {
        for invitation in try InvitationRow.revokeAll(by: user, of: id, in: connection, now: now) {
            try AuditLine(
                workspaceID: id, at: now, actor: actor, act: .invitationRevoked,
                target: invitation.id.text, before: invitation.told, after: nil,
                requestID: requestID
            ).insert(in: connection)
        }
        let keys = try APIKeyRow.made(by: user, in: connection).filter {
            $0.workspaceID == id && $0.state(at: now) == .live
        }
        if !keys.isEmpty {
            try mails.keysOfFormerAdmin(
                who, keys.map(\.prefix), self, requestID, in: connection, now: now)
        }
        return .array(keys.map { .string($0.prefix) })
    }
}

extension WorkspaceRow {
    /// Makes an enabled member the owner. The workspace's row is locked.
    ///
    /// - Throws: ``Problem`` 409 `not_a_member`.
    package func give(
        to user: UUID, actor: String, requestID: String?, _ mails: WorkspaceMails,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        // The lock keeps the user from being erased meanwhile.
        guard let member = try MemberRow.find(user, of: id, in: connection),
            member.status == .enabled,
            let row = try UserRow.findLocked(id: user, in: connection),
            row.isActive, row.emailVerifiedAt != nil
        else { throw Problem.notAMember }
        try setOwner(user, in: connection, now: now)
        // Both are admins beneath the ownership.
        _ = try member.setting(role: .admin, status: .enabled, in: connection)
        let (owner, admin): (JSONObject, JSONObject) = (
            ["role": "owner", "status": "enabled"], ["role": "admin", "status": "enabled"]
        )
        // Users are named as actor and target alone, where an erasure finds them.
        for line in [
            (WorkspaceAct.transferred, user, member.told, owner),
            (.memberChanged, ownerID, owner, admin),
        ] {
            try AuditLine(
                workspaceID: id, at: now, actor: actor, act: line.0, target: line.1.text,
                before: line.2, after: line.3, requestID: requestID
            ).insert(in: connection)
        }
        try mails.ownershipReceived(row, self, requestID, in: connection, now: now)
    }
}
