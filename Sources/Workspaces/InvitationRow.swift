import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Users
import Values

package enum InvitationStatus: String, Sendable, CaseIterable, NamedEnumeration {
    case pending, accepted, revoked, expired

    package static let schemaName = "WorkspaceInvitationStatus"
}

/// How an invitation lies in the table `workspace_invitations`. The token is in the mail alone; the
/// row has its keyed hash.
package struct InvitationRow: Sendable, Equatable {
    package static let lifetimeSeconds: Int64 = 7 * 86_400
    /// Invitations of a workspace that wait.
    package static let maximumPending: Int64 = 1000

    package let id: UUID
    package let workspaceID: UUID
    package let email: String
    package let emailKey: String
    package let role: GivenRole
    /// As it was written last; see ``status(at:)``.
    private let written: InvitationStatus
    package let invitedBy: UUID?
    package let createdAt: Timestamp
    package let expiresAt: Timestamp

    private static let columns = """
        id, workspace_id, email, email_key, role, status, invited_by, created_at, expires_at
        """

    package init(
        workspaceID: UUID, email: EmailAddress, role: GivenRole, invitedBy: UUID,
        now: Timestamp
    ) {
        id = .version7(at: now, randomness: .random(in: .min ... .max))
        self.workspaceID = workspaceID
        self.email = email.text
        emailKey = email.key
        self.role = role
        written = .pending
        self.invitedBy = invitedBy
        createdAt = now
        expiresAt = now.adding(seconds: Self.lifetimeSeconds)
    }

    private init(_ row: Row) throws {
        var reader = row.reader
        id = try reader.uuid()
        workspaceID = try reader.uuid()
        email = try reader.text()
        emailKey = try reader.text()
        role = try reader.oneOf(GivenRole.self)
        written = try reader.oneOf(InvitationStatus.self)
        invitedBy = try reader.optionalUUID()
        createdAt = try reader.time()
        expiresAt = try reader.time()
    }

    package func status(at now: Timestamp) -> InvitationStatus {
        written == .pending && now >= expiresAt ? .expired : written
    }

    /// What of the address is shown to whoever holds the token.
    package var emailHint: String { EmailAddress(email)?.redacted ?? "***" }

    package static func find(
        _ id: UUID, of workspace: UUID, in connection: any DatabaseConnection
    ) throws -> InvitationRow? {
        try connection.queryOne(
            "SELECT \(columns) FROM workspace_invitations WHERE id = ? AND workspace_id = ?",
            [.uuid(id), .uuid(workspace)]
        ).map(InvitationRow.init)
    }

    /// The invitation that a token is good for now; `nil` for an unknown token and for one that was
    /// used, revoked or has expired.
    package static func find(
        token hashes: [[UInt8]], in connection: any DatabaseConnection, now: Timestamp
    ) throws -> InvitationRow? {
        for hash in hashes {
            let row = try connection.queryOne(
                "SELECT \(columns) FROM workspace_invitations WHERE token_hash = ?",
                [.blob(hash)])
            guard let found = try row.map(InvitationRow.init) else { continue }
            return found.status(at: now) == .pending ? found : nil
        }
        return nil
    }

    /// The newest first.
    package static func page(
        of workspace: UUID, before id: UUID?, limit: Int64, in connection: any DatabaseConnection
    ) throws -> [InvitationRow] {
        try connection.query(
            """
            SELECT \(columns) FROM workspace_invitations
            WHERE workspace_id = ? \(id == nil ? "" : "AND id < ?") ORDER BY id DESC LIMIT ?
            """, [.uuid(workspace)] + (id.map { [.uuid($0)] } ?? []) + [.integer(limit)]
        ).map(InvitationRow.init)
    }

    package static func pending(
        of workspace: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Int64 {
        let row = try connection.queryOne(
            """
            SELECT count(*) FROM workspace_invitations
            WHERE workspace_id = ? AND status = 'pending' AND expires_at > ?
            """, [.uuid(workspace), .time(now)])
        guard var reader = row?.reader else { return 0 }
        return try reader.count()
    }
}

/// How an invitation's row comes to be and changes. Whoever decides on it holds the lock of the
/// workspace's row.
extension InvitationRow {
    /// - Returns: false if the address has an invitation of the workspace that is good.
    package func insert(hash: [UInt8], in connection: any DatabaseConnection) throws -> Bool {
        // What has expired keeps no new one out.
        try connection.execute(
            """
            UPDATE workspace_invitations SET status = 'expired'
            WHERE workspace_id = ? AND email_key = ? AND status = 'pending' AND expires_at <= ?
            """, [.uuid(workspaceID), .text(emailKey), .time(createdAt)])
        return try connection.execute(
            """
            INSERT INTO workspace_invitations (id, workspace_id, email, email_key, role, status,
                token_hash, invited_by, created_at, expires_at)
            VALUES (?, ?, ?, ?, ?, 'pending', ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """,
            [
                .uuid(id), .uuid(workspaceID), .text(email), .text(emailKey),
                .text(role.rawValue), .blob(hash), .uuid(invitedBy), .time(createdAt),
                .time(expiresAt),
            ]) == 1
    }

    /// Gives a pending invitation another token and its days anew: the token before is worth
    /// nothing.
    package func renew(
        hash: [UInt8], in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            "UPDATE workspace_invitations SET token_hash = ?, expires_at = ? WHERE id = ?",
            [.blob(hash), .time(now.adding(seconds: Self.lifetimeSeconds)), .uuid(id)])
    }

    package func set(_ status: InvitationStatus, in connection: any DatabaseConnection) throws {
        try connection.execute(
            "UPDATE workspace_invitations SET status = ? WHERE id = ?",
            [.text(status.rawValue), .uuid(id)])
    }

    /// Revokes those that a user has sent and that wait; what has expired stays so.
    ///
    /// - Returns: them.
    static func revokeAll(
        by user: UUID, of workspace: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> [InvitationRow] {
        let waiting = try connection.query(
            """
            SELECT \(columns) FROM workspace_invitations
            WHERE workspace_id = ? AND invited_by = ? AND status = 'pending' AND expires_at > ?
            ORDER BY id
            """, [.uuid(workspace), .uuid(user), .time(now)]
        ).map(InvitationRow.init)
        for invitation in waiting { try invitation.set(.revoked, in: connection) }
        return waiting
    }

    /// Invitations of a user who is erased go; those that the user has sent stay without a sender.
    ///
    /// - Parameter emailKey: of an address that is nobody else's.
    static func forget(
        _ user: UUID, emailKey: String?, in connection: any DatabaseConnection
    ) throws {
        if let emailKey {
            try connection.execute(
                "DELETE FROM workspace_invitations WHERE email_key = ?", [.text(emailKey)])
        }
        try connection.execute(
            "UPDATE workspace_invitations SET invited_by = NULL WHERE invited_by = ?",
            [.uuid(user)])
    }

    /// What the audit log tells of an invitation.
    package var told: JSONObject { ["role": .string(role.rawValue)] }
}
