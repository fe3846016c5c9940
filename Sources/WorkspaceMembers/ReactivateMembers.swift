import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Values
import Workspaces

/// `POST /api/subscriptions/workspaces/{workspace_id}/reactivate`
package struct ReactivateMembers: Action {
    let parts: WorkspaceParts

    /// Members whom one request may name.
    static let maximumNamed = 10_000

    package static let about = About(
        "Say who has the seats",
        details: """
            For the owner, who always has one. Those who are named are enabled and all others \
            disabled, whole or not at all: for a team that was frozen and is paid again.
            """,
        access: .activeWorkspaceOwner, refusals: [.personalWorkspace, .noSeatLeft, .notAMember])

    package func read(_ input: inout InputReader) -> (UUID, ReactivationRequest) {
        (input.workspace(), input.body(ReactivationRequest.self))
    }

    package func perform(
        _ input: (UUID, ReactivationRequest), _ call: Call
    ) async throws -> Reply<WorkspaceResponse> {
        let (id, request) = input
        let mails = parts.mails
        let changed = try await parts.decide(Self.self, on: id, by: call) { [parts] decision in
            try decision.requireTeam()
            let enabled = try MemberRow.enabledIDs(of: id, in: decision.connection)
            let wanted = Set(request.users).union([decision.workspace.ownerID])
                .union(request.keepsOthers ? enabled : [])
            guard wanted.count <= Int(decision.workspace.subscription.capacity) else {
                throw Problem.noSeatLeft
            }
            for user in enabled.subtracting(wanted) {
                try decision.set(.disabled, of: decision.member(user), mails)
            }
            for user in wanted.subtracting(enabled) {
                guard let member = try MemberRow.find(user, of: id, in: decision.connection)
                else {
                    throw Problem.notAMember.with(
                        detail: "Who is to have a seat must be a member of this workspace.")
                }
                try decision.set(.enabled, of: member, mails)
            }
            return try parts.told(
                WorkspaceResponse.read(id, of: decision.caller, in: decision.connection),
                in: decision.connection)
        }
        return Reply(changed)
    }
}

extension WorkspaceDecision {
    fileprivate func set(
        _ status: MemberStatus, of member: MemberRow, _ mails: WorkspaceMails
    ) throws {
        let now = try member.setting(role: member.role, status: status, in: connection)
        try note(.memberChanged, member.userID, before: member.told, after: now.told)
        if status == .disabled { try mails.disabled(now, self) }
    }
}

/// Who is to be enabled.
package struct ReactivationRequest: JSONInput {
    let users: [UUID]
    /// Whether who has a seat already keeps it, as where some of the members are shown alone.
    var keepsOthers = false

    package static let schemaName = "WorkspaceReactivation"
    package static let about = "Who is to have the seats; the owner need not be named."

    /// Gives these a seat and takes nobody's.
    package init(adding users: [UUID]) {
        (self.users, keepsOthers) = (users, true)
    }

    package init(_ reader: inout ObjectReader) {
        users = reader.required(
            "user_ids", .list(of: .uuid, atMost: ReactivateMembers.maximumNamed), "Members.")
    }
}
