import Database
import FoundationEssentials
import HTTPEndpoint
import WorkspaceMembers
import Workspaces

/// What pages read that no action answers alone.
extension WorkspaceParts {
    /// The workspace as its caller sees it, for a page that shows what an action answers, or asks
    /// before the action.
    ///
    /// - Parameter action: whose guard the caller has to pass.
    /// - Throws: ``Problem`` of the guard.
    func show<A: Action>(
        _ action: A.Type, of id: UUID, to call: Call
    ) async throws -> WorkspaceResponse {
        guard let needed = A.about.access.resource as? WorkspaceGuard else {
            throw Problem.internalError
        }
        return try await look(at: id, by: call) { membership, connection in
            if let refusal = needed.refusal(of: membership) { throw refusal }
            return try told(WorkspaceResponse.read(membership, in: connection), in: connection)
        }
    }

    /// One member, for a page of theirs.
    ///
    /// - Throws: ``Problem`` 404 `member_not_found`.
    func member(
        _ user: UUID, of id: UUID, by call: Call
    ) async throws -> MemberResponse {
        try await look(at: id, by: call) { membership, connection in
            guard let row = try MemberRow.find(user, of: id, in: connection),
                let member = try MemberResponse.read(
                    [row], of: membership.workspace, in: connection
                ).first
            else { throw Problem.memberNotFound }
            return member
        }
    }
}

extension WorkspaceParts {
    /// How many members there are, with a seat or without.
    func memberCount(of id: UUID, by call: Call) async throws -> Int64 {
        try await look(at: id, by: call) { _, connection in
            Int64(try MemberRow.ids(of: id, in: connection).count)
        }
    }

    /// Those of these users who are members.
    func members(
        _ users: [UUID], of id: UUID, by call: Call
    ) async throws -> [MemberResponse] {
        try await look(at: id, by: call) { membership, connection in
            let rows = try users.compactMap { try MemberRow.find($0, of: id, in: connection) }
            return try MemberResponse.read(rows, of: membership.workspace, in: connection)
        }
    }
}

/// What somebody may do to a member.
enum MemberRight: Sendable {
    case enable, disable, setRole, remove, makeOwner
}

extension Membership {
    /// What this member may do to another, for pages that offer it: the decisions judge for
    /// themselves.
    func rights(over member: MemberRow) -> Set<MemberRight> {
        let target = member.role(in: workspace)
        guard role >= .admin, target < .owner, role == .owner || target < .admin else {
            return []
        }
        var rights: Set<MemberRight> = [.remove]
        rights.insert(member.status == .enabled ? .disable : .enable)
        if role == .owner {
            rights.insert(.setRole)
            if member.status == .enabled && !workspace.isPersonal { rights.insert(.makeOwner) }
        }
        return rights
    }
}
