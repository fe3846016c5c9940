import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Users
import Values
import WorkspaceAuditLog

/// Takes over what a workspace's subscription gives it: seats, and whether the team is frozen. For
/// whoever applies a change of the subscription, in the database transaction of that change.
package struct TakeSubscription: Sendable {
    /// Tells those who have lost their seats, of whom there may be many.
    package typealias Tell =
        @Sendable ([UUID], WorkspaceRow, String?, any DatabaseConnection, Timestamp) throws -> Void

    private let mails: WorkspaceMails
    private let tell: Tell

    package init(_ mails: WorkspaceMails, tell: @escaping Tell) {
        self.mails = mails
        self.tell = tell
    }

    /// A team whose subscription has ended is frozen: all but the owner are disabled. One that has
    /// a live subscription again is active at once, with the owner alone. If there are fewer seats
    /// than enabled members, the newest of those who are not the owner are disabled.
    ///
    /// - Parameters:
    ///   - hasEnded: whether there was a subscription, though nobody may have heard of it before
    ///     its end.
    ///   - isQuiet: whether nobody is told of it.
    ///   - requestID: of the request that brought the change; `nil` where none did.
    /// - Returns: the workspace as it is from now on; `nil` for one that is closed.
    package func perform(
        _ next: WorkspaceSubscription, hasEnded: Bool = false, isQuiet: Bool = false, of id: UUID,
        requestID: String?, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> WorkspaceRow? {
        guard let row = try WorkspaceRow.findLocked(id, in: connection) else { return nil }
        let ends = next.standing == .none && (hasEnded || row.subscription.standing != .none)
        // What is not paid yet ends no freeze.
        let staysFrozen = row.frozenAt != nil && next.standing != .live
        let isFrozen = !row.isPersonal && (ends || staysFrozen)
        try row.setSubscription(
            next, frozenAt: isFrozen ? row.frozenAt ?? now : nil, in: connection, now: now)
        guard let changed = try WorkspaceRow.find(id, in: connection) else { return nil }
        let change = Change(
            old: row, new: changed, isQuiet: isQuiet, requestID: requestID,
            connection: connection, now: now)
        if change.isOfSeats || changed.frozenAt != row.frozenAt { try note(change) }
        try disableNewest(change)
        return changed
    }

    private struct Change {
        let old: WorkspaceRow
        let new: WorkspaceRow
        let isQuiet: Bool
        let requestID: String?
        let connection: any DatabaseConnection
        let now: Timestamp

        var isOfSeats: Bool {
            new.subscription.seatCount != old.subscription.seatCount
                || new.subscription.pendingSeatCount != old.subscription.pendingSeatCount
        }
    }

    private func note(_ change: Change) throws {
        let (old, new) = (change.old, change.new)
        let act: WorkspaceAct =
            (old.frozenAt == nil) == (new.frozenAt == nil)
            ? .seatsChanged : new.frozenAt == nil ? .unfrozen : .frozen
        try AuditLine(
            workspaceID: new.id, at: change.now, actor: AuditLine.bySubscription, act: act,
            target: new.id.text, before: old.subscription.told, after: new.subscription.told,
            requestID: change.requestID
        ).insert(in: change.connection)
        // Of seats that a frozen team cannot use nobody is told before it is active.
        let isUnusable = act == .seatsChanged && new.frozenAt != nil
        if change.isQuiet || new.isPersonal || isUnusable { return }
        try mails.subscription(
            act, new, change.requestID, in: change.connection, now: change.now)
    }

    /// However many they are: one statement for the members, one batch for the log.
    private func disableNewest(_ change: Change) throws {
        let (new, connection, now) = (change.new, change.connection, change.now)
        let enabled = try MemberRow.enabled(of: new.id, in: connection)
        let seats = new.frozenAt == nil ? max(new.subscription.seatCount, 1) : 1
        guard enabled > seats else { return }
        let disabled = try MemberRow.disableNewest(enabled - seats, of: new, in: connection)
        try AuditLine.insert(
            disabled.map { member in
                var before = member.told
                before["status"] = .string(MemberStatus.enabled.rawValue)
                return AuditLine(
                    workspaceID: new.id, at: now, actor: AuditLine.bySubscription,
                    act: .memberChanged, target: member.userID.text, before: before,
                    after: member.told, requestID: change.requestID)
            }, in: connection)
        if change.isQuiet { return }
        try tell(disabled.map(\.userID), new, change.requestID, connection, now)
    }
}

extension WorkspaceSubscription {
    /// What the audit log tells of a subscription.
    fileprivate var told: JSONObject {
        [
            "subscription": .string(standing.rawValue), "seat_count": .int(seatCount),
            "pending_seat_count": pendingSeatCount.map { .int($0) } ?? .null,
        ]
    }
}

extension MemberRow {
    /// Those of the enabled members who came last lose their seats, the owner does not.
    fileprivate static func disableNewest(
        _ count: Int64, of workspace: WorkspaceRow, in connection: any DatabaseConnection
    ) throws -> [MemberRow] {
        try connection.query(
            """
            UPDATE workspace_members SET status = 'disabled'
            WHERE workspace_id = ? AND user_id IN (
                SELECT user_id FROM workspace_members
                WHERE workspace_id = ? AND status = 'enabled' AND user_id <> ?
                ORDER BY joined_at DESC, user_id DESC LIMIT ?)
            RETURNING \(columns)
            """,
            [.uuid(workspace.id), .uuid(workspace.id), .uuid(workspace.ownerID), .integer(count)]
        ).map(MemberRow.init)
    }
}
