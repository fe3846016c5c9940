import Billing
import Database
import FoundationEssentials
import Ledger
import Subscriptions
import Users
import Values

/// The one trial that a user may have as an owner, whichever of their workspaces has it. It is
/// claimed for a workspace before a page offers it: of two pages that are open only one does.
package struct OwnerTrials: Sendable {
    /// How often another workspace's page may give way before we give up.
    private static let maximumTurns = 3

    let billing: CareerBillingService
    /// Whether an earlier account of the user's has had its trial.
    let hadBefore: @Sendable (UserRow, any DatabaseConnection) throws -> Bool

    private enum Claim: Sendable {
        case mine
        case used
        case other(UUID)
    }

    /// Claims the trial for a workspace. A page of another workspace of the owner's that is open
    /// gives way.
    ///
    /// - Returns: false where it was used, or is being used.
    func claim(for workspace: UUID, of owner: UUID, requestID: String) async throws -> Bool {
        for _ in 0..<Self.maximumTurns {
            let found = try await billing.database.write { [self] connection in
                try claim(for: workspace, of: owner, in: connection)
            }
            switch found {
            case .mine: return true
            case .used: return false
            case .other(let other):
                let session = try await billing.checkouts.find(other)?.sessionID
                if let session, try await !billing.expire(session) {
                    // Paid a moment ago: then the trial is used.
                    try await billing.hear(of: session, user: other, requestID: requestID)
                }
                try await release(of: owner, from: other, whosePageWas: session)
            }
        }
        return false
    }

    /// Whether no other workspace has claimed it since.
    func isClaimed(for workspace: UUID, of owner: UUID) async throws -> Bool {
        try await billing.database.read { connection in
            try Self.row(of: owner, in: connection)?.workspace == workspace
        }
    }

    /// Whether the owner may still have a trial. A page of another workspace that has claimed it
    /// and is not paid gives way.
    func isLeft(to owner: UUID) async throws -> Bool {
        try await billing.database.read { [self] connection in
            if let known = try Self.row(of: owner, in: connection) { return !known.isUsed }
            guard let user = try UserRow.find(id: owner, in: connection) else { return false }
            return try !hadBefore(user, connection)
        }
    }

    private func claim(
        for workspace: UUID, of owner: UUID, in connection: any DatabaseConnection
    ) throws -> Claim {
        guard let user = try UserRow.findLocked(id: owner, in: connection) else { return .used }
        if let known = try Self.row(of: owner, in: connection) {
            if known.isUsed { return .used }
            return known.workspace == workspace ? .mine : .other(known.workspace)
        }
        if try hadBefore(user, connection) { return .used }
        try connection.execute(
            "INSERT INTO workspace_trials (owner_id, workspace_id, is_used) VALUES (?, ?, 0)",
            [.uuid(owner), .uuid(workspace)])
        return .mine
    }

    /// A page that was opened meanwhile keeps the claim.
    private func release(
        of owner: UUID, from workspace: UUID, whosePageWas session: String?
    ) async throws {
        _ = try await billing.database.write { connection in
            try connection.execute(
                """
                DELETE FROM workspace_trials
                WHERE owner_id = ? AND workspace_id = ? AND is_used = 0 AND NOT EXISTS (
                    SELECT 1 FROM workspace_checkouts c
                    WHERE c.workspace_id = workspace_trials.workspace_id
                        AND c.session_id IS NOT NULL AND c.session_id <> ?)
                """, [.uuid(owner), .uuid(workspace), .text(session ?? "")])
        }
    }

    /// A workspace of the owner's has had a trial. It is an earlier owner's where that is known:
    /// who is given the workspace later keeps their own.
    package static func use(
        by owner: UUID, in workspace: UUID, _ connection: any DatabaseConnection
    ) throws {
        let known = try connection.query(
            "SELECT 1 FROM workspace_trials WHERE workspace_id = ? AND is_used = 1 LIMIT 1",
            [.uuid(workspace)])
        guard known.isEmpty else { return }
        try connection.execute(
            """
            INSERT INTO workspace_trials (owner_id, workspace_id, is_used) VALUES (?, ?, 1)
            ON CONFLICT (owner_id) DO UPDATE
            SET is_used = 1, workspace_id = excluded.workspace_id
            WHERE workspace_trials.is_used = 0
            """, [.uuid(owner), .uuid(workspace)])
    }

    /// Whether the user has had a trial as an owner.
    package static func wasUsed(
        by owner: UUID, in connection: any DatabaseConnection
    ) throws -> Bool {
        try row(of: owner, in: connection)?.isUsed ?? false
    }

    private static func row(
        of owner: UUID, in connection: any DatabaseConnection
    ) throws -> (workspace: UUID, isUsed: Bool)? {
        let row = try connection.queryOne(
            "SELECT workspace_id, is_used FROM workspace_trials WHERE owner_id = ?",
            [.uuid(owner)])
        guard var reader = row?.reader else { return nil }
        return try (reader.uuid(), reader.bool())
    }
}
