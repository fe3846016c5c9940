import Database
import FoundationEssentials

/// Checks what must be true of workspaces over the whole database, on stored rows alone. It knows
/// no clock, so it may run beside a live server.
public struct WorkspaceAudit: Sendable {
    public struct Finding: Sendable, CustomStringConvertible {
        /// The id of the workspace.
        public let workspace: String
        public let problem: String

        public var description: String { "workspace \(workspace): \(problem)" }
    }

    /// Findings of one check that are named; more would tell nothing new.
    static let maximumFindings = 100

    private let database: any Database

    public init(database: any Database) {
        self.database = database
    }

    public func run() async throws -> [Finding] {
        try await database.read { connection in
            try connection.liftLimits()
            return try Self.checks.flatMap { problem, sql in
                try connection.query(sql + " LIMIT \(Self.maximumFindings)").map { row in
                    var reader = row.reader
                    return Finding(workspace: try reader.uuid().text, problem: problem)
                }
            }
        }
    }

    private static let checks: [(problem: String, sql: String)] = [
        (
            "its owner is no enabled member",
            """
            SELECT w.id FROM workspaces w LEFT JOIN workspace_members m
                ON m.workspace_id = w.id AND m.user_id = w.owner_id AND m.status = 'enabled'
            WHERE w.closed_at IS NULL AND m.user_id IS NULL
            """
        ),
        (
            "more members are enabled than it has seats",
            """
            SELECT w.id FROM workspaces w
            JOIN workspace_members m ON m.workspace_id = w.id AND m.status = 'enabled'
            GROUP BY w.id, w.seat_count HAVING count(*) > w.seat_count AND count(*) > 1
            """
        ),
        (
            "it is frozen, and others than the owner are enabled",
            """
            SELECT w.id FROM workspaces w WHERE w.frozen_at IS NOT NULL AND EXISTS (
                SELECT 1 FROM workspace_members m WHERE m.workspace_id = w.id
                    AND m.user_id <> w.owner_id AND m.status = 'enabled')
            """
        ),
        (
            "it has seats without a subscription, or a personal one has not one seat",
            """
            SELECT w.id FROM workspaces w
            WHERE w.subscription = 'none' AND (w.seat_count <> 0
                    OR w.pending_seat_count IS NOT NULL)
                OR w.is_personal = 1 AND w.closed_at IS NULL AND w.seat_count <> 1
            """
        ),
        (
            "a personal one has other members than its user",
            """
            SELECT w.id FROM workspaces w WHERE w.is_personal = 1 AND EXISTS (
                SELECT 1 FROM workspace_members m WHERE m.workspace_id = w.id
                    AND m.user_id <> w.owner_id)
            """
        ),
        (
            "there is none, and it has an account",
            """
            SELECT c.workspace_id FROM api_subscription_contexts c
            LEFT JOIN workspaces w ON w.id = c.workspace_id WHERE w.id IS NULL
            """
        ),
        (
            "it is closed, and has members, invitations or an address for bills",
            """
            SELECT w.id FROM workspaces w WHERE w.closed_at IS NOT NULL AND (
                EXISTS (SELECT 1 FROM workspace_members m WHERE m.workspace_id = w.id)
                OR EXISTS (SELECT 1 FROM workspace_invitations i WHERE i.workspace_id = w.id)
                OR EXISTS (
                    SELECT 1 FROM workspace_billing_emails b WHERE b.workspace_id = w.id))
            """
        ),
    ]
}
