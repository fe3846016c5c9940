import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Users
import Values
import WorkspaceAuditLog

/// `DELETE /api/workspaces/{workspace_id}/members/{user_id}`
package struct RemoveWorkspaceMember: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "Remove a member", details: "For admins; an admin is removed by the owner.",
        access: .workspaceAdmin, status: 204, refusals: [.memberNotFound, .ownerStays])

    package func read(_ input: inout InputReader) -> (UUID, UUID) {
        (input.workspace(), input.member())
    }

    package func perform(
        _ input: (UUID, UUID), _ call: Call
    ) async throws -> Reply<MessageResponse> {
        let (id, user) = input
        let mails = parts.mails
        try await parts.decide(Self.self, on: id, by: call) { decision in
            let member = try decision.member(user)
            if user == decision.workspace.ownerID { throw Problem.ownerStays }
            if member.role == .admin { try decision.requireOwner() }
            try decision.end(member, .memberRemoved, mails)
            try mails.removed(member, decision)
        }
        return .noContent
    }
}

/// `POST /api/workspaces/{workspace_id}/leave`
package struct LeaveWorkspace: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "Leave a workspace",
        details: "For members, disabled ones too. The owner gives the workspace away first.",
        access: .workspaceMemberEvenDisabled, status: 204, refusals: [.ownerStays])

    package func read(_ input: inout InputReader) -> UUID { input.workspace() }

    package func perform(_ id: UUID, _ call: Call) async throws -> Reply<MessageResponse> {
        let mails = parts.mails
        try await parts.decide(Self.self, on: id, by: call) { decision in
            if decision.membership.role == .owner { throw Problem.ownerStays }
            try decision.end(decision.membership.member, .memberLeft, mails)
        }
        return .noContent
    }
}

extension WorkspaceDecision {
    fileprivate func end(
        _ member: MemberRow, _ act: WorkspaceAct, _ mails: WorkspaceMails
    ) throws {
        var after: JSONObject?
        if member.role == .admin {
            after = ["live_keys": try endAdmin(member.userID, mails)]
        }
        try member.delete(in: connection)
        try note(act, member.userID, before: member.told, after: after)
    }
}

/// `POST /api/workspaces/{workspace_id}/transfer-ownership`
package struct TransferWorkspace: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "Give a team to another member",
        details: """
            For the owner, who is an admin from then on. The new owner must be an enabled member \
            with a verified email.
            """,
        access: .workspaceOwner, refusals: [.personalWorkspace, .notAMember])

    package func read(_ input: inout InputReader) -> (UUID, TransferRequest) {
        (input.workspace(), input.body(TransferRequest.self))
    }

    package func perform(
        _ input: (UUID, TransferRequest), _ call: Call
    ) async throws -> Reply<WorkspaceResponse> {
        let (id, request) = input
        let mails = parts.mails
        let changed = try await parts.decide(Self.self, on: id, by: call) { [parts] decision in
            try decision.requireTeam()
            if request.user != decision.caller {
                try decision.workspace.give(
                    to: request.user, actor: decision.caller.text, requestID: call.id,
                    mails, in: decision.connection, now: decision.now)
                try parts.billingEmailChanged(id, call.id, decision.connection, decision.now)
            }
            return try parts.told(
                WorkspaceResponse.read(id, of: decision.caller, in: decision.connection),
                in: decision.connection)
        }
        return Reply(changed)
    }
}

extension WorkspaceRow {
    /// Makes an enabled member the owner. The workspace's row is locked.
    ///
    /// - Throws: ``Problem`` 409 `not_a_member`.
    package func give(
        to user: UUID, actor: String, requestID: String?, _ mails: WorkspaceMails,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        // The lock keeps the user from being erased meanwhile.
        guard let member = try MemberRow.find(user, of: id, in: connection),
            member.status == .enabled,
            let row = try UserRow.findLocked(id: user, in: connection),
            row.isActive, row.emailVerifiedAt != nil
        else { throw Problem.notAMember }
        try setOwner(user, in: connection, now: now)
        // Both are admins beneath the ownership.
        _ = try member.setting(role: .admin, status: .enabled, in: connection)
        let (owner, admin): (JSONObject, JSONObject) = (
            ["role": "owner", "status": "enabled"], ["role": "admin", "status": "enabled"]
        )
        // Users are named as actor and target alone, where an erasure finds them.
        for line in [
            (WorkspaceAct.transferred, user, member.told, owner),
            (.memberChanged, ownerID, owner, admin),
        ] {
            try AuditLine(
                workspaceID: id, at: now, actor: actor, act: line.0, target: line.1.text,
                before: line.2, after: line.3, requestID: requestID
            ).insert(in: connection)
        }
        try mails.ownershipReceived(row, self, requestID, in: connection, now: now)
    }
}

/// Who is to be the owner.
package struct TransferRequest: JSONInput {
    let user: UUID

    package static let schemaName = "WorkspaceTransfer"
    package static let about = "Who is to be the owner."

    package init(user: UUID) {
        self.user = user
    }

    package init(_ reader: inout ObjectReader) {
        user = reader.required("user_id", .uuid, "An enabled member.")
    }
}
