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
    private let mails: WorkspaceMails

    package init(_ mails: WorkspaceMails) {
        self.mails = mails
    }

    /// A team whose subscription has ended is frozen: all but the owner are disabled. One that has
    /// a live subscription again is active at once, with the owner alone. If there are fewer seats
    /// than enabled members, the newest of those who are not the owner are disabled.
    ///
    /// - Parameters:
    ///   - hasEnded: whether there was a subscription, though nobody may have heard of it before
    ///     its end.
    ///   - requestID: of the request that brought the change; `nil` where none did.
    /// - Returns: the workspace as it is from now on; `nil` for one that is closed.
    package func perform(
        _ next: WorkspaceSubscription, hasEnded: Bool = false, of id: UUID, requestID: String?,
        in connection: any DatabaseConnection, now: Timestamp
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
            old: row, new: changed, requestID: requestID, connection: connection, now: now)
        if change.isOfSeats || changed.frozenAt != row.frozenAt { try note(change) }
        try disableNewest(change)
        return changed
    }

    private struct Change {
        let old: WorkspaceRow
        let new: WorkspaceRow
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
        guard !new.isPersonal, act != .seatsChanged || new.frozenAt == nil else { return }
        try mails.subscription(
            act, new, change.requestID, in: change.connection, now: change.now)
    }

    private func disableNewest(_ change: Change) throws {
        let new = change.new
        let enabled = try MemberRow.enabled(of: new.id, in: change.connection)
        let seats = new.frozenAt == nil ? max(new.subscription.seatCount, 1) : 1
        guard enabled > seats else { return }
        let members = try MemberRow.newestEnabled(
            of: new, limit: enabled - seats, in: change.connection)
        for member in members {
            let disabled = try member.setting(
                role: member.role, status: .disabled, in: change.connection)
            try AuditLine(
                workspaceID: new.id, at: change.now, actor: AuditLine.bySubscription,
                act: .memberChanged, target: member.userID.text, before: member.told,
                after: disabled.told, requestID: change.requestID
            ).insert(in: change.connection)
            guard let user = try UserRow.find(id: member.userID, in: change.connection)
            else { continue }
            try mails.disabled(
                user, new, change.requestID, in: change.connection, now: change.now)
        }
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
    /// Those of the enabled members who came last, the owner not among them.
    fileprivate static func newestEnabled(
        of workspace: WorkspaceRow, limit: Int64, in connection: any DatabaseConnection
    ) throws -> [MemberRow] {
        let ids = try connection.query(
            """
            SELECT user_id FROM workspace_members
            WHERE workspace_id = ? AND status = 'enabled' AND user_id <> ?
            ORDER BY joined_at DESC, user_id DESC LIMIT ?
            """, [.uuid(workspace.id), .uuid(workspace.ownerID), .integer(limit)]
        ).map { row in
            var reader = row.reader
            return try reader.uuid()
        }
        return try ids.compactMap { try find($0, of: workspace.id, in: connection) }
    }
}
