import Database
import FoundationEssentials
import Values

/// The one change of a workspace's plan or seats that is under way, and the price that was shown
/// last: the table `workspace_plan_changes`.
package struct PlanChanges: Sendable {
    /// How long a price that was shown holds, in seconds.
    package static let lifetime: Int64 = 600
    /// So long others wait for a change whose process died, in seconds since it was renewed.
    package static let patience: Int64 = 120

    /// What would be bought.
    package struct Order: Sendable, Equatable {
        package let subscriptionID: String
        package let planID: UUID
        package let seats: Int64
    }

    /// Begins a change, unless one is under way. The workspace's row is locked. A claim that ends
    /// later than any that begins now is of a clock that was ahead, and binds nobody.
    ///
    /// - Returns: by what ``end(_:of:in:)`` knows it; `nil` while another is under way.
    package static func begin(
        of workspace: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> UUID? {
        let claim = UUID()
        let taken = try connection.execute(
            """
            INSERT INTO workspace_plan_changes (workspace_id, claim_id, claimed_until)
            VALUES (?, ?, ?)
            ON CONFLICT (workspace_id) DO UPDATE SET
                claim_id = excluded.claim_id, claimed_until = excluded.claimed_until
            WHERE workspace_plan_changes.claimed_until IS NULL
                OR workspace_plan_changes.claimed_until <= ?
                OR workspace_plan_changes.claimed_until > ?
            """,
            [
                .uuid(workspace), .uuid(claim), .time(now.adding(seconds: patience)),
                .time(now), .time(now.adding(seconds: patience)),
            ])
        return taken == 1 ? claim : nil
    }

    /// The change goes on: others wait for it from now on.
    ///
    /// - Returns: false if another change has taken its place.
    package static func renew(
        _ claim: UUID, of workspace: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Bool {
        try connection.execute(
            """
            UPDATE workspace_plan_changes SET claimed_until = ?
            WHERE workspace_id = ? AND claim_id = ?
            """, [.time(now.adding(seconds: patience)), .uuid(workspace), .uuid(claim)]) == 1
    }

    /// Whether a change of the workspace is under way.
    package static func isUnderWay(
        of workspace: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Bool {
        try connection.queryOne(
            """
            SELECT 1 FROM workspace_plan_changes
            WHERE workspace_id = ? AND claimed_until > ? AND claimed_until <= ?
            """, [.uuid(workspace), .time(now), .time(now.adding(seconds: patience))]) != nil
    }

    package static func end(
        _ claim: UUID, of workspace: UUID, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            """
            UPDATE workspace_plan_changes SET claim_id = NULL, claimed_until = NULL
            WHERE workspace_id = ? AND claim_id = ?
            """, [.uuid(workspace), .uuid(claim)])
    }

    /// - Parameter date: the instant that the price is of, in Unix seconds.
    package static func show(
        _ order: Order, at date: Int64, of workspace: UUID, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            """
            INSERT INTO workspace_plan_changes (workspace_id, shown_subscription, shown_plan,
                shown_seats, shown_at)
            VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (workspace_id) DO UPDATE SET
                shown_subscription = excluded.shown_subscription,
                shown_plan = excluded.shown_plan, shown_seats = excluded.shown_seats,
                shown_at = excluded.shown_at
            """,
            [
                .uuid(workspace), .text(order.subscriptionID), .uuid(order.planID),
                .integer(order.seats), .integer(date),
            ])
    }

    /// - Returns: the instant of the price that was shown for this order; `nil` if none was, or a
    ///   while ago.
    package static func shown(
        _ order: Order, of workspace: UUID, now: Int64, in connection: any DatabaseConnection
    ) throws -> Int64? {
        let row = try connection.queryOne(
            """
            SELECT shown_at FROM workspace_plan_changes
            WHERE workspace_id = ? AND shown_subscription = ? AND shown_plan = ?
                AND shown_seats = ?
            """,
            [
                .uuid(workspace), .text(order.subscriptionID), .uuid(order.planID),
                .integer(order.seats),
            ])
        guard var reader = row?.reader else { return nil }
        let date = try reader.integer(in: Timestamp.rangeOfSeconds)
        return (now - lifetime...now).contains(date) ? date : nil
    }
}
