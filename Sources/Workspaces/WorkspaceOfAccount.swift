import Users

/// What the ledger asks of the workspace that holds an account, by the workspace's id.
package enum WorkspaceOfAccount {
    /// Whether it may act; no row for one that is closed.
    package static let standing =
        "SELECT 1 FROM workspaces WHERE closed_at IS NULL AND id = ?"

    /// 1 if it is frozen, 1 if it is suspended, as a personal one is whose user is deactivated: a
    /// team goes on with its other members.
    package static var barrier: String {
        """
        SELECT CASE WHEN frozen_at IS NULL THEN 0 ELSE 1 END,
            CASE WHEN suspended_at IS NOT NULL THEN 1
                WHEN is_personal = 1 AND \(UserRow.mayAct("owner_id")) = 0 THEN 1 ELSE 0 END
        FROM workspaces WHERE id = ?
        """
    }
}
