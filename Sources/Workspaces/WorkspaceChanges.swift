import BillingEmails
import Database
import FoundationEssentials
import Values

/// How a workspace's row comes to be, changes and goes. Whoever decides on it holds the row's lock.
extension WorkspaceRow {
    /// - Returns: false if another workspace has the slug.
    func insert(in connection: any DatabaseConnection) throws -> Bool {
        let added = try connection.execute(
            """
            INSERT INTO workspaces (id, display_name, slug, description, is_personal, owner_id,
                subscription, seat_count, created_at, updated_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (slug) DO NOTHING
            """,
            [
                .uuid(id), .text(displayName), .text(slug), .text(description),
                .bool(isPersonal), .uuid(ownerID), .text(subscription.standing.rawValue),
                .integer(subscription.seatCount), .time(createdAt), .time(createdAt),
            ])
        guard added == 1 else { return false }
        try MemberRow(
            workspaceID: id, userID: ownerID, role: .admin, status: .enabled,
            joinedAt: createdAt
        ).insert(in: connection)
        return true
    }

    static func isTaken(_ slug: String, in connection: any DatabaseConnection) throws -> Bool {
        try connection.queryOne("SELECT 1 FROM workspaces WHERE slug = ?", [.text(slug)]) != nil
    }

    func setProfile(
        name: String, slug: String, description: String?, in connection: any DatabaseConnection,
        now: Timestamp
    ) throws {
        try connection.execute(
            """
            UPDATE workspaces SET display_name = ?, slug = ?, description = ?, updated_at = ?
            WHERE id = ?
            """,
            [.text(name), .text(slug), .text(description), .time(now), .uuid(id)])
    }

    func setOwner(
        _ user: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            "UPDATE workspaces SET owner_id = ?, updated_at = ? WHERE id = ?",
            [.uuid(user), .time(now), .uuid(id)])
    }

    func setSubscription(
        _ next: WorkspaceSubscription, frozenAt: Timestamp?,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            """
            UPDATE workspaces SET subscription = ?, seat_count = ?, pending_seat_count = ?,
                frozen_at = ?, updated_at = ?
            WHERE id = ?
            """,
            [
                .text(next.standing.rawValue), .integer(next.seatCount),
                .integer(next.pendingSeatCount), .time(frozenAt), .time(now), .uuid(id),
            ])
    }

    /// Fewer seats count from now on, before Stripe has heard of them.
    package func setPendingSeats(
        _ count: Int64?, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            "UPDATE workspaces SET pending_seat_count = ?, updated_at = ? WHERE id = ?",
            [.integer(count), .time(now), .uuid(id)])
    }

    /// - Parameter reason: the operator's; `nil` lifts the suspension.
    package func setSuspended(
        _ reason: String?, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            """
            UPDATE workspaces SET suspended_at = ?, suspension_reason = ?, updated_at = ?
            WHERE id = ?
            """, [.time(reason == nil ? nil : now), .text(reason), .time(now), .uuid(id)])
    }

    /// Nobody finds it any more: members and invitations go, the row stays for what was used.
    package func close(in connection: any DatabaseConnection, now: Timestamp) throws {
        try connection.execute(
            "DELETE FROM workspace_members WHERE workspace_id = ?", [.uuid(id)])
        try connection.execute(
            "DELETE FROM workspace_invitations WHERE workspace_id = ?", [.uuid(id)])
        try BillingEmail.remove(of: id, in: connection)
        try connection.execute(
            """
            UPDATE workspaces SET owner_id = NULL, slug = NULL, description = NULL,
                subscription = 'none', seat_count = 0, pending_seat_count = NULL, closed_at = ?,
                updated_at = ?
            WHERE id = ?
            """, [.time(now), .time(now), .uuid(id)])
    }

    /// A personal workspace goes as a whole with its user.
    static func erasePersonal(
        of user: UUID, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            "DELETE FROM workspaces WHERE owner_id = ? AND is_personal = 1", [.uuid(user)])
    }
}
