import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Users
import Values
import WorkspaceAuditLog
import Workspaces

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
