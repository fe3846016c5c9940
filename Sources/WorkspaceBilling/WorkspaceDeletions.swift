import Database
import FoundationEssentials
import Values

/// Deletions of workspaces that are under way: the table `workspace_deletions`. What a workspace
/// pays for ends at Stripe first, and its events may be worked off before the workspace goes: of
/// what they do to it nobody is told, and nobody begins to buy for it.
package enum WorkspaceDeletions {
    /// How long events keep quiet for one whose process died, in seconds.
    package static let patience: Int64 = 600

    static func begin(
        of workspace: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            """
            INSERT INTO workspace_deletions (workspace_id, began_at) VALUES (?, ?)
            ON CONFLICT (workspace_id) DO UPDATE SET began_at = excluded.began_at
            """, [.uuid(workspace), .time(now)])
    }

    static func end(of workspace: UUID, in connection: any DatabaseConnection) throws {
        try connection.execute(
            "DELETE FROM workspace_deletions WHERE workspace_id = ?", [.uuid(workspace)])
    }

    package static func isUnderWay(
        of workspace: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Bool {
        try connection.queryOne(
            "SELECT 1 FROM workspace_deletions WHERE workspace_id = ? AND began_at > ?",
            [.uuid(workspace), .time(now.adding(seconds: -patience))]) != nil
    }
}
