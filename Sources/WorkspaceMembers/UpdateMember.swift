import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Users
import Values
import WorkspaceAuditLog
import Workspaces

/// `PATCH /api/workspaces/{workspace_id}/members/{user_id}`
package struct UpdateWorkspaceMember: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "Change a member's role or status",
        details: """
            The status: for admins; the role, and all that concerns an admin: for the owner. \
            `enabled` takes a seat. Who is no admin any more has no invitations that wait.
            """,
        access: .workspaceAdmin,
        refusals: [
            .workspaceSuspended, .workspaceFrozen, .workspaceWithoutSubscription,
            .workspaceSubscriptionInactive, .memberNotFound, .ownerStays, .noSeatLeft,
        ])

    package func read(_ input: inout InputReader) -> MemberChange {
        let (workspace, user) = (input.workspace(), input.member())
        return MemberChange(
            workspace: workspace, user: user, request: input.body(MemberChangeRequest.self))
    }

    package struct MemberChange: Sendable {
        let workspace: UUID
        let user: UUID
        let request: MemberChangeRequest

        package init(workspace: UUID, user: UUID, request: MemberChangeRequest) {
            self.workspace = workspace
            self.user = user
            self.request = request
        }
    }

    package func perform(
        _ change: MemberChange, _ call: Call
    ) async throws -> Reply<MemberResponse> {
        let mails = parts.mails
        let changed = try await parts.decide(Self.self, on: change.workspace, by: call) {
            decision in
            let member = try decision.member(change.user)
            let (role, status) = (change.request.role, change.request.status)
            if let role, role != member.role { try decision.requireOwner() }
            if let status, status != member.status, member.role == .admin {
                try decision.requireOwner()
            }
            if member.userID == decision.workspace.ownerID {
                guard status != .disabled, role == nil else { throw Problem.ownerStays }
            }
            if status == .enabled, member.status == .disabled {
                if let refusal = decision.workspace.refusalToAdd { throw refusal }
                try decision.requireSeat()
            }
            let now = try member.setting(
                role: role ?? member.role, status: status ?? member.status,
                in: decision.connection)
            if now != member { try decision.noteChange(of: member, to: now, mails) }
            return try MemberResponse.read(
                [now], of: decision.workspace, in: decision.connection)
        }
        guard let member = changed.first else { throw Problem.memberNotFound }
        return Reply(member)
    }
}

extension WorkspaceDecision {
    fileprivate func noteChange(
        of old: MemberRow, to new: MemberRow, _ mails: WorkspaceMails
    ) throws {
        var after = new.told
        if old.role == .admin, new.role != .admin {
            after["live_keys"] = try endAdmin(old.userID, mails)
        }
        try note(.memberChanged, old.userID, before: old.told, after: after)
        if old.role != new.role { try mails.roleChanged(new, self) }
        if new.status == .disabled, old.status == .enabled { try mails.disabled(new, self) }
    }

    /// - Returns: the first characters of the live keys that they made.
    func endAdmin(_ user: UUID, _ mails: WorkspaceMails) throws -> JSONValue {
        try workspace.endAdmin(
            user, named: UserRow.find(id: user, in: connection)?.email ?? user.text,
            actor: caller.text, requestID: call.id, mails, in: connection, now: now)
    }
}

extension InputReader {
    mutating func member() -> UUID { path("user_id", .uuid, "The member's user id.") }
}

/// What of a member is to change.
package struct MemberChangeRequest: JSONInput {
    let role: GivenRole?
    let status: MemberStatus?

    package static let schemaName = "WorkspaceMemberChange"
    package static let about = "What is to change; what is left out stays."

    package init(_ reader: inout ObjectReader) {
        role = reader.optional("role", .oneOf(GivenRole.self), "For the owner.")
        status = reader.optional(
            "status", .oneOf(MemberStatus.self), "`enabled` takes a seat.")
    }
}
