import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Users
import Values
import WorkspaceAuditLog

/// One decision on a workspace: its row is locked, its caller was judged under the lock, and what
/// is done is noted in the audit log of the same database transaction.
package struct WorkspaceDecision {
    package let connection: any DatabaseConnection
    package let membership: Membership
    package let call: Call
    package let now: Timestamp

    package init(
        connection: any DatabaseConnection, membership: Membership, call: Call, now: Timestamp
    ) {
        self.connection = connection
        self.membership = membership
        self.call = call
        self.now = now
    }

    package var workspace: WorkspaceRow { membership.workspace }
    package var caller: UUID { membership.member.userID }

    /// - Parameters:
    ///   - target: what it was done to.
    ///   - before: what that was; `nil` where it was not there.
    ///   - after: what it is now; `nil` where it is gone.
    package func note(
        _ action: WorkspaceAct, _ target: UUID, before: JSONObject? = nil,
        after: JSONObject? = nil
    ) throws {
        try AuditLine(
            workspaceID: workspace.id, at: now, actor: caller.text, act: action,
            target: target.text, before: before, after: after, requestID: call.id
        ).insert(in: connection)
    }

    /// The member whom a request names.
    /// - Throws: ``Problem`` 404 `member_not_found`.
    package func member(_ user: UUID) throws -> MemberRow {
        guard let member = try MemberRow.find(user, of: workspace.id, in: connection) else {
            throw Problem.memberNotFound
        }
        return member
    }

    /// Whatever makes, invites, disables or removes an admin is the owner's.
    /// - Throws: ``Problem`` 403 `role_required`.
    package func requireOwner() throws {
        if membership.role < .owner { throw Problem.roleRequired }
    }

    /// - Throws: ``Problem`` 409 `personal_workspace`.
    package func requireTeam() throws {
        if workspace.isPersonal { throw Problem.personalWorkspace }
    }

    /// That one more member may be enabled.
    /// - Throws: ``Problem`` 409 `no_seat_left`.
    package func requireSeat() throws {
        let enabled = try MemberRow.enabled(of: workspace.id, in: connection)
        guard enabled < workspace.subscription.capacity else { throw Problem.noSeatLeft }
    }
}

extension WorkspaceParts {
    /// Decides on a workspace. What the body throws undoes all that it has written; it may be
    /// carried out twice where the database broke it, and does nothing outside the database.
    ///
    /// - Parameter action: whose access says who may.
    /// - Throws: ``Problem`` of the action's guard, and what the body throws.
    package func decide<A: Action, Value: Sendable>(
        _ action: A.Type, on id: UUID, by call: Call,
        _ body: @escaping @Sendable (WorkspaceDecision) throws -> Value
    ) async throws -> Value {
        guard let needed = A.about.access.resource as? WorkspaceGuard else {
            throw Problem.internalError
        }
        let user = try call.user().userID
        return try await database.write { [clock] connection in
            let found = try Membership.find(of: user, in: id, locked: true, connection)
            if let refusal = needed.refusal(of: found) { throw refusal }
            guard let found else { throw Problem.workspaceNotFound }
            // Under the lock: who waited for it decides later than who held it.
            return try body(
                WorkspaceDecision(
                    connection: connection, membership: found, call: call, now: clock.now()))
        }
    }

    /// Reads for a member from one snapshot.
    /// - Throws: ``Problem`` 404 for who was removed a moment ago.
    package func look<Value: Sendable>(
        at id: UUID, by call: Call,
        _ body: @escaping @Sendable (Membership, any DatabaseConnection) throws -> Value
    ) async throws -> Value {
        let user = try call.user().userID
        return try await database.read { connection in
            guard
                let found = try Membership.find(of: user, in: id, locked: false, connection)
            else { throw Problem.workspaceNotFound }
            return try body(found, connection)
        }
    }
}
