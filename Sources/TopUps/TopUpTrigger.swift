import Database
import FoundationEssentials
import Users
import Values

/// Asks for a look at a user's automatic top-up, in the database transaction of the charge that
/// left too little. The charge waits for nothing else.
package enum TopUpTrigger {
    package static func want(
        for user: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        // Users are locked before what is theirs, everywhere.
        guard try UserRow.findLocked(id: user, in: connection) != nil else { return }
        try connection.execute(
            """
            UPDATE automatic_top_ups SET due_at = ?
            WHERE user_id = ? AND off_reason IS NULL AND due_at IS NULL
            """, [.time(now), .uuid(user)])
    }
}
