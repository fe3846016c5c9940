import Database
import FoundationEssentials
import JSON
import Values

/// What the audit log of a workspace tells of.
package enum WorkspaceAct: String, Sendable, CaseIterable {
    case created, updated, deleted, transferred, suspended, unsuspended
    case memberJoined = "member_joined"
    case memberChanged = "member_changed"
    case memberRemoved = "member_removed"
    case memberLeft = "member_left"
    case invitationSent = "invitation_sent"
    case invitationResent = "invitation_resent"
    case invitationRevoked = "invitation_revoked"
    case keyCreated = "key_created"
    case keyChanged = "key_changed"
    case keyRotated = "key_rotated"
    case keyRevoked = "key_revoked"
    case frozen, unfrozen
    case seatsChanged = "seats_changed"
    case seatsAsked = "seats_asked"
    case planAsked = "plan_asked"
    case billingEmailAsked = "billing_email_asked"
    case billingEmailChanged = "billing_email_changed"
    case checkoutBegun = "checkout_begun"
    case cancellationAsked = "cancellation_asked"
    case resumptionAsked = "resumption_asked"
    case creditsGranted = "credits_granted"
    case creditsAdjusted = "credits_adjusted"
    case limitsChanged = "limits_changed"
    case codeRedeemed = "code_redeemed"
    case packCheckoutBegun = "pack_checkout_begun"
}

/// A line of a workspace's audit log: who did what to what, and when. It names users by their ids
/// alone, and no secret.
package struct AuditLine: Sendable {
    /// An operator with a command.
    package static let byOperator = "operator"
    /// A change of the workspace's subscription.
    package static let bySubscription = "subscription"
    /// Who has deleted their account since.
    package static let erased = "erased"

    package let id: UUID
    package let workspaceID: UUID
    package let at: Timestamp
    /// A user's id, ``byOperator``, ``bySubscription`` or ``erased``.
    package let actor: String
    package let act: WorkspaceAct
    package let target: String?
    /// Compact JSON.
    package let before: String?
    package let after: String?
    package let requestID: String?

    package init(
        workspaceID: UUID, at now: Timestamp, actor: String, act: WorkspaceAct, target: String?,
        before: JSONObject?, after: JSONObject?, requestID: String?
    ) {
        id = .version7(at: now, randomness: .random(in: .min ... .max))
        self.workspaceID = workspaceID
        at = now
        self.actor = actor
        self.act = act
        self.target = target
        self.before = before.map { JSONValue.object($0).compactText }
        self.after = after.map { JSONValue.object($0).compactText }
        self.requestID = requestID
    }

    private init(_ row: Row) throws {
        var reader = row.reader
        id = try reader.uuid()
        workspaceID = try reader.uuid()
        at = try reader.time()
        actor = try reader.text()
        act = try reader.oneOf(WorkspaceAct.self)
        target = try reader.optionalText()
        before = try reader.optionalText()
        after = try reader.optionalText()
        requestID = try reader.optionalText()
    }

    private static let columns = """
        id, workspace_id, at, actor, action, target, state_before, state_after, request_id
        """

    package func insert(in connection: any DatabaseConnection) throws {
        try Self.insert([self], in: connection)
    }

    package static func insert(
        _ lines: [AuditLine], in connection: any DatabaseConnection
    ) throws {
        _ = try connection.executeMany(
            "INSERT INTO workspace_audit (\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            lines.map { line in
                [
                    .uuid(line.id), .uuid(line.workspaceID), .time(line.at), .text(line.actor),
                    .text(line.act.rawValue), .text(line.target), .text(line.before),
                    .text(line.after), .text(line.requestID),
                ]
            })
    }

    /// The newest first.
    ///
    /// - Parameter id: of the last line of the page before.
    package static func page(
        of workspace: UUID, before id: UUID?, limit: Int64, in connection: any DatabaseConnection
    ) throws -> [AuditLine] {
        try connection.query(
            """
            SELECT \(columns) FROM workspace_audit
            WHERE workspace_id = ? \(id == nil ? "" : "AND id < ?") ORDER BY id DESC LIMIT ?
            """, [.uuid(workspace)] + (id.map { [.uuid($0)] } ?? []) + [.integer(limit)]
        ).map(AuditLine.init)
    }

    /// Lines stay, without the user who is erased.
    package static func forget(_ user: UUID, in connection: any DatabaseConnection) throws {
        for column in ["actor", "target"] {
            try connection.execute(
                "UPDATE workspace_audit SET \(column) = ? WHERE \(column) = ?",
                [.text(erased), .text(user.text)])
        }
    }
}
