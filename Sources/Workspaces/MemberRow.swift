import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Values

/// What a member may do; each may do what those before may.
package enum WorkspaceRole: String, Sendable, CaseIterable, Comparable {
    case member
    case admin
    case owner

    package static func < (left: WorkspaceRole, right: WorkspaceRole) -> Bool {
        left.rank < right.rank
    }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// The roles that are given; the owner's goes by a transfer alone.
package enum GivenRole: String, Sendable, CaseIterable, NamedEnumeration {
    case admin
    case member

    package static let schemaName = "WorkspaceGivenRole"
}

package enum MemberStatus: String, Sendable, CaseIterable, NamedEnumeration {
    /// Has a seat.
    case enabled
    case disabled

    package static let schemaName = "WorkspaceMemberStatus"
}

/// How a member lies in the table `workspace_members`. The owner has a row, too.
package struct MemberRow: Sendable, Equatable {
    package let workspaceID: UUID
    package let userID: UUID
    /// Of who is not the owner.
    package let role: GivenRole
    package let status: MemberStatus
    package let joinedAt: Timestamp

    static let columns = "workspace_id, user_id, role, status, joined_at"

    package init(
        workspaceID: UUID, userID: UUID, role: GivenRole, status: MemberStatus,
        joinedAt: Timestamp
    ) {
        self.workspaceID = workspaceID
        self.userID = userID
        self.role = role
        self.status = status
        self.joinedAt = joinedAt
    }

    init(_ row: Row) throws {
        var reader = row.reader
        workspaceID = try reader.uuid()
        userID = try reader.uuid()
        role = try reader.oneOf(GivenRole.self)
        status = try reader.oneOf(MemberStatus.self)
        joinedAt = try reader.time()
    }

    /// The owner's role is a column of the workspace.
    package func role(in workspace: WorkspaceRow) -> WorkspaceRole {
        if userID == workspace.ownerID { return .owner }
        return role == .admin ? .admin : .member
    }

    package static func find(
        _ user: UUID, of workspace: UUID, in connection: any DatabaseConnection
    ) throws -> MemberRow? {
        try connection.queryOne(
            "SELECT \(columns) FROM workspace_members WHERE workspace_id = ? AND user_id = ?",
            [.uuid(workspace), .uuid(user)]
        ).map(MemberRow.init)
    }

    /// In the order of the users' ids, which is that of their sign-up.
    ///
    /// - Parameter id: of the last member of the page before.
    package static func page(
        of workspace: UUID, after id: UUID?, limit: Int64, in connection: any DatabaseConnection
    ) throws -> [MemberRow] {
        try connection.query(
            """
            SELECT \(columns) FROM workspace_members
            WHERE workspace_id = ? \(id == nil ? "" : "AND user_id > ?")
            ORDER BY user_id LIMIT ?
            """, [.uuid(workspace)] + (id.map { [.uuid($0)] } ?? []) + [.integer(limit)]
        ).map(MemberRow.init)
    }

    /// All members' ids.
    package static func ids(
        of workspace: UUID, in connection: any DatabaseConnection
    ) throws -> [UUID] {
        try connection.query(
            "SELECT user_id FROM workspace_members WHERE workspace_id = ?", [.uuid(workspace)]
        ).map { row in
            var reader = row.reader
            return try reader.uuid()
        }
    }

    /// Owner and admins who are enabled: whom a mail about the workspace goes to.
    package static func administrators(
        of workspace: WorkspaceRow, limit: Int64, in connection: any DatabaseConnection
    ) throws -> [MemberRow] {
        try connection.query(
            """
            SELECT \(columns) FROM workspace_members
            WHERE workspace_id = ? AND status = 'enabled' AND (role = 'admin' OR user_id = ?)
            ORDER BY user_id LIMIT ?
            """, [.uuid(workspace.id), .uuid(workspace.ownerID), .integer(limit)]
        ).map(MemberRow.init)
    }

    package static func enabledIDs(
        of workspace: UUID, in connection: any DatabaseConnection
    ) throws -> Set<UUID> {
        let ids = try connection.query(
            """
            SELECT user_id FROM workspace_members WHERE workspace_id = ? AND status = 'enabled'
            """, [.uuid(workspace)]
        ).map { row in
            var reader = row.reader
            return try reader.uuid()
        }
        return Set(ids)
    }

    package static func enabled(
        of workspace: UUID, in connection: any DatabaseConnection
    ) throws -> Int64 {
        let row = try connection.queryOne(
            """
            SELECT count(*) FROM workspace_members WHERE workspace_id = ? AND status = 'enabled'
            """, [.uuid(workspace)])
        guard var reader = row?.reader else { return 0 }
        return try reader.count()
    }
}

/// How a member's row comes to be, changes and goes. Whoever decides on it holds the lock of the
/// workspace's row.
extension MemberRow {
    package func insert(in connection: any DatabaseConnection) throws {
        try connection.execute(
            """
            INSERT INTO workspace_members (workspace_id, user_id, role, status, joined_at)
            VALUES (?, ?, ?, ?, ?)
            """,
            [
                .uuid(workspaceID), .uuid(userID), .text(role.rawValue), .text(status.rawValue),
                .time(joinedAt),
            ])
    }

    /// - Returns: the member as it is from now on.
    package func setting(
        role: GivenRole, status: MemberStatus, in connection: any DatabaseConnection
    ) throws -> MemberRow {
        try connection.execute(
            """
            UPDATE workspace_members SET role = ?, status = ?
            WHERE workspace_id = ? AND user_id = ?
            """,
            [.text(role.rawValue), .text(status.rawValue), .uuid(workspaceID), .uuid(userID)])
        return MemberRow(
            workspaceID: workspaceID, userID: userID, role: role, status: status,
            joinedAt: joinedAt)
    }

    package func delete(in connection: any DatabaseConnection) throws {
        try connection.execute(
            "DELETE FROM workspace_members WHERE workspace_id = ? AND user_id = ?",
            [.uuid(workspaceID), .uuid(userID)])
    }
}

extension MemberRow {
    /// What the audit log tells of a member.
    package var told: JSONObject {
        ["role": .string(role.rawValue), "status": .string(status.rawValue)]
    }
}
