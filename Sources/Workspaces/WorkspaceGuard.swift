import Database
import FoundationEssentials
import HTTPEndpoint
import Users
import Values

/// What a caller must be in the workspace that an address names: declared with the endpoint's
/// access, judged before its body is read and again in the decision's database transaction.
package struct WorkspaceGuard: ResourceGuard, Equatable {
    /// The parameter of a path that names the workspace.
    package static let parameter = "workspace_id"

    /// The least role.
    package let role: WorkspaceRole
    /// Whether the endpoint adds something, which a frozen or suspended workspace refuses.
    package var needsActive = false
    /// Whether a frozen workspace is let in, and only a suspended one refused.
    package var admitsFrozen = false
    /// Whether a disabled member is let in.
    package var admitsDisabled = false

    package var name: String {
        (needsActive ? "Active" : admitsFrozen ? "Unsuspended" : "")
            + "Workspace\(role.rawValue.capitalized)" + (admitsDisabled ? "EvenDisabled" : "")
    }

    package var refusals: [Problem] {
        [.workspaceNotFound, .emailNotVerified] + (admitsDisabled ? [] : [.memberDisabled])
            + (role > .member ? [.roleRequired] : [])
            + (needsActive
                ? [
                    .workspaceSuspended, .workspaceFrozen, .workspaceWithoutSubscription,
                    .workspaceSubscriptionInactive,
                ] : admitsFrozen ? [.workspaceSuspended] : [])
    }

    /// Why this caller is not let in; `nil` where there is no reason.
    package func refusal(of membership: Membership?) -> Problem? {
        guard let membership else { return .workspaceNotFound }
        if membership.member.status == .disabled && !admitsDisabled { return .memberDisabled }
        if !membership.isEmailVerified { return .emailNotVerified }
        if membership.role < role { return .roleRequired }
        if admitsFrozen && membership.workspace.status == .suspended { return .workspaceSuspended }
        return needsActive ? membership.workspace.refusalToAdd : nil
    }
}

extension WorkspaceRow {
    /// Why nothing may be added to the workspace now.
    package var refusalToAdd: Problem? {
        switch status {
        case .suspended: return .workspaceSuspended
        case .frozen: return .workspaceFrozen
        case .active: break
        }
        switch subscription.standing {
        case .live: return nil
        case .none: return .workspaceWithoutSubscription
        case .inactive: return .workspaceSubscriptionInactive
        }
    }
}

/// Made at each use: the optimizer reads a constant of another module that has an existential
/// inside before it is there.
extension Access {
    package static var workspaceMember: Access { user(guardedBy: WorkspaceGuard(role: .member)) }
    package static var workspaceMemberEvenDisabled: Access {
        user(guardedBy: WorkspaceGuard(role: .member, admitsDisabled: true))
    }
    package static var workspaceAdmin: Access { user(guardedBy: WorkspaceGuard(role: .admin)) }
    package static var activeWorkspaceAdmin: Access {
        user(guardedBy: WorkspaceGuard(role: .admin, needsActive: true))
    }
    package static var activeWorkspaceOwner: Access {
        user(guardedBy: WorkspaceGuard(role: .owner, needsActive: true))
    }
    /// For buying: a frozen workspace may, a suspended one waits for the operator.
    package static var unsuspendedWorkspaceAdmin: Access {
        user(guardedBy: WorkspaceGuard(role: .admin, admitsFrozen: true))
    }
    package static var unsuspendedWorkspaceOwner: Access {
        user(guardedBy: WorkspaceGuard(role: .owner, admitsFrozen: true))
    }
    package static var workspaceOwner: Access { user(guardedBy: WorkspaceGuard(role: .owner)) }
}

/// A user in a workspace.
package struct Membership: Sendable {
    package let workspace: WorkspaceRow
    package let member: MemberRow
    package let isEmailVerified: Bool

    package init(workspace: WorkspaceRow, member: MemberRow, isEmailVerified: Bool) {
        self.workspace = workspace
        self.member = member
        self.isEmailVerified = isEmailVerified
    }

    package var role: WorkspaceRole { member.role(in: workspace) }

    /// - Parameter locked: whether the workspace's row is locked until the database transaction
    ///   ends.
    /// - Returns: `nil` for who is no member, whatever there is.
    package static func find(
        of user: UUID, in id: UUID, locked: Bool, _ connection: any DatabaseConnection
    ) throws -> Membership? {
        let found =
            try locked
            ? WorkspaceRow.findLocked(id, in: connection) : WorkspaceRow.find(id, in: connection)
        guard let workspace = found,
            let member = try MemberRow.find(user, of: id, in: connection),
            let row = try UserRow.find(id: user, in: connection)
        else { return nil }
        return Membership(
            workspace: workspace, member: member, isEmailVerified: row.emailVerifiedAt != nil)
    }
}

/// Lets callers in to workspaces, after another gatekeeper has let them in to the service.
package struct WorkspaceGatekeeper: Gatekeeper {
    private let people: any Gatekeeper
    private let database: any Database
    private let isGoing: @Sendable (UUID, any DatabaseConnection) throws -> Bool

    /// - Parameter isGoing: whether a workspace is being deleted.
    package init(
        after people: any Gatekeeper, database: any Database,
        isGoing: @escaping @Sendable (UUID, any DatabaseConnection) throws -> Bool
    ) {
        self.people = people
        self.database = database
        self.isGoing = isGoing
    }

    package func admit(_ call: inout Call, to access: Access) async throws {
        try await people.admit(&call, to: access)
        guard let needed = access.resource as? WorkspaceGuard else { return }
        let user = try call.user().userID
        // What is no id names no workspace.
        guard let id = Self.workspace(of: call) else { throw Problem.workspaceNotFound }
        let membership = try await database.read {
            try Membership.find(of: user, in: id, locked: false, $0)
        }
        if let refusal = needed.refusal(of: membership) { throw refusal }
    }

    package func confirmActive(_ caller: Caller) async throws {
        try await people.confirmActive(caller)
    }

    /// What fails on a workspace that is being deleted, or of which the caller is no member by now,
    /// is answered as if it were gone.
    package func confirmStillThere(
        _ caller: Caller, _ call: Call, _ access: Access
    ) async throws {
        try await people.confirmStillThere(caller, call, access)
        guard access.resource is WorkspaceGuard, let id = Self.workspace(of: call) else { return }
        let isThere = try await database.read { [isGoing] connection in
            try Membership.find(of: caller.userID, in: id, locked: false, connection) != nil
                && !isGoing(id, connection)
        }
        guard isThere else { throw Problem.workspaceNotFound }
    }

    private static func workspace(of call: Call) -> UUID? {
        call.path[WorkspaceGuard.parameter].flatMap { UUID(text: $0) }
    }
}
