import Database
import FoundationEssentials
import Values

/// What a workspace can be used for.
package enum WorkspaceStatus: String, Sendable, CaseIterable {
    case active
    /// Its subscription has ended: only the owner is left, and what adds is refused.
    case frozen
    /// By an operator: what adds is refused until the operator lifts it.
    case suspended
}

/// What a workspace's subscription allows: all that decisions on seats ask of it.
package struct WorkspaceSubscription: Sendable, Equatable {
    package enum Standing: String, Sendable, CaseIterable {
        /// There is none, or it has ended.
        case none
        case live
        /// It is there and may not be used, e.g. past due beyond the grace.
        case inactive
    }

    package let standing: Standing
    /// What is paid for; 0 without a live subscription.
    package let seatCount: Int64
    /// Fewer seats that begin with the next period: they count at once.
    package let pendingSeatCount: Int64?

    package init(standing: Standing, seatCount: Int64, pendingSeatCount: Int64?) {
        self.standing = standing
        self.seatCount = seatCount
        self.pendingSeatCount = pendingSeatCount
    }

    package static let none = WorkspaceSubscription(
        standing: .none, seatCount: 0, pendingSeatCount: nil)
    /// A personal workspace has one seat on every plan.
    package static let personal = WorkspaceSubscription(
        standing: .live, seatCount: 1, pendingSeatCount: nil)

    /// How many members may be enabled from now on; the owner always is.
    package var capacity: Int64 { max(min(seatCount, pendingSeatCount ?? seatCount), 1) }

    /// How many more may be enabled.
    package func available(beside enabled: Int64) -> Int64 {
        max(min(seatCount, pendingSeatCount ?? seatCount) - enabled, 0)
    }
}

/// How a workspace lies in its table. The columns and what reads them stand in one order, here and
/// nowhere else.
package struct WorkspaceRow: Sendable, Equatable {
    package let id: UUID
    package let displayName: String
    package let slug: String
    package let description: String?
    package let isPersonal: Bool
    package let ownerID: UUID
    package let subscription: WorkspaceSubscription
    package let frozenAt: Timestamp?
    package let suspendedAt: Timestamp?
    package let createdAt: Timestamp

    private static let columns = """
        id, display_name, slug, description, is_personal, owner_id, subscription, seat_count, \
        pending_seat_count, frozen_at, suspended_at, created_at
        """

    /// A new one has the subscription of its kind.
    package init(
        id: UUID, displayName: String, slug: String, description: String?, isPersonal: Bool,
        ownerID: UUID, createdAt: Timestamp, subscription: WorkspaceSubscription? = nil,
        frozenAt: Timestamp? = nil, suspendedAt: Timestamp? = nil
    ) {
        self.id = id
        self.displayName = displayName
        self.slug = slug
        self.description = description
        self.isPersonal = isPersonal
        self.ownerID = ownerID
        self.subscription = subscription ?? (isPersonal ? .personal : .none)
        self.frozenAt = frozenAt
        self.suspendedAt = suspendedAt
        self.createdAt = createdAt
    }

    private init(_ row: Row) throws {
        var reader = row.reader
        id = try reader.uuid()
        displayName = try reader.text()
        slug = try reader.text()
        description = try reader.optionalText()
        isPersonal = try reader.bool()
        ownerID = try reader.uuid()
        subscription = try WorkspaceSubscription(
            standing: reader.oneOf(WorkspaceSubscription.Standing.self),
            seatCount: reader.count(), pendingSeatCount: reader.optionalCount())
        frozenAt = try reader.optionalTime()
        suspendedAt = try reader.optionalTime()
        createdAt = try reader.time()
    }

    package var status: WorkspaceStatus {
        if suspendedAt != nil { return .suspended }
        return frozenAt == nil ? .active : .frozen
    }

    /// What the AI server names it by; no secret.
    package var clientID: String { "ws_" + id.text.replacing("-", with: "") }

    /// The id that a client id tells; `nil` for what is none.
    package static func id(ofClient text: String) -> UUID? {
        let pattern = /ws_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})/
        guard let (_, a, b, c, d, e) = text.wholeMatch(of: pattern)?.output else { return nil }
        return UUID(text: [a, b, c, d, e].joined(separator: "-"))
    }

    package static func id(
        ofSlug slug: String, in connection: any DatabaseConnection
    ) throws -> UUID? {
        let row = try connection.queryOne(
            "SELECT id FROM workspaces WHERE slug = ?", [.text(slug)])
        guard var reader = row?.reader else { return nil }
        return try reader.uuid()
    }

    /// A closed workspace is found by nobody.
    package static func find(
        _ id: UUID, in connection: any DatabaseConnection
    ) throws -> WorkspaceRow? {
        try select("id = ?", [.uuid(id)], in: connection)
    }

    /// The workspace as it stands until this database transaction ends: whoever decides on its
    /// members, invitations or keys decides under this lock.
    package static func findLocked(
        _ id: UUID, in connection: any DatabaseConnection
    ) throws -> WorkspaceRow? {
        try select("id = ?", [.uuid(id)], locked: true, in: connection)
    }

    package static func personal(
        of user: UUID, in connection: any DatabaseConnection
    ) throws -> WorkspaceRow? {
        try select("owner_id = ? AND is_personal = 1", [.uuid(user)], in: connection)
    }

    private static func select(
        _ condition: String, _ arguments: [SQLValue], locked: Bool = false,
        in connection: any DatabaseConnection
    ) throws -> WorkspaceRow? {
        try connection.queryOne(
            "SELECT \(columns) FROM workspaces WHERE \(condition) AND closed_at IS NULL"
                + (locked ? connection.dialect.lockRows : ""), arguments
        ).map(WorkspaceRow.init)
    }

    /// Those that a user is a member of, the newest first.
    ///
    /// - Parameter id: of the last one of the page before.
    package static func page(
        of user: UUID, before id: UUID?, limit: Int64, in connection: any DatabaseConnection
    ) throws -> [WorkspaceRow] {
        let ids = try connection.query(
            """
            SELECT workspace_id FROM workspace_members
            WHERE user_id = ? \(id == nil ? "" : "AND workspace_id < ?")
            ORDER BY workspace_id DESC LIMIT ?
            """, [.uuid(user)] + (id.map { [.uuid($0)] } ?? []) + [.integer(limit)]
        ).map { row in
            var reader = row.reader
            return try reader.uuid()
        }
        return try ids.compactMap { try find($0, in: connection) }
    }

    /// The newest first, for an operator.
    package static func all(
        before id: UUID?, limit: Int64, in connection: any DatabaseConnection
    ) throws -> [WorkspaceRow] {
        try connection.query(
            """
            SELECT \(columns) FROM workspaces
            WHERE closed_at IS NULL \(id == nil ? "" : "AND id < ?") ORDER BY id DESC LIMIT ?
            """, (id.map { [.uuid($0)] } ?? []) + [.integer(limit)]
        ).map(WorkspaceRow.init)
    }

    /// Personal workspaces in the order of their ids.
    package static func personalIDs(
        after id: UUID?, limit: Int64, in connection: any DatabaseConnection
    ) throws -> [UUID] {
        try connection.query(
            """
            SELECT id FROM workspaces
            WHERE is_personal = 1 AND closed_at IS NULL \(id == nil ? "" : "AND id > ?")
            ORDER BY id LIMIT ?
            """, (id.map { [.uuid($0)] } ?? []) + [.integer(limit)]
        ).map { row in
            var reader = row.reader
            return try reader.uuid()
        }
    }

    /// The teams that a user owns, the oldest first.
    package static func teams(
        ownedBy user: UUID, in connection: any DatabaseConnection
    ) throws -> [WorkspaceRow] {
        try connection.query(
            """
            SELECT \(columns) FROM workspaces
            WHERE owner_id = ? AND is_personal = 0 ORDER BY id
            """, [.uuid(user)]
        ).map(WorkspaceRow.init)
    }
}
