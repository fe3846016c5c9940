import Database
import FoundationEssentials
import HTTPEndpoint
import Ledger
import LedgerStore
import Values
import Workspaces

/// A member's call for an account of a workspace, as the database transaction of a decision on that
/// account sees it. The account is locked before the workspace, as calls lock them.
struct CallForAccount: Sendable {
    let workspace: UUID
    private let needed: WorkspaceGuard
    private let user: UUID
    private let call: Call
    private let clock: DecisionClock

    /// - Parameter action: whose access says who may.
    init<A: Action>(
        _ action: A.Type, on workspace: UUID, by call: Call, clock: DecisionClock
    ) throws {
        guard let needed = A.about.access.resource as? WorkspaceGuard else {
            throw Problem.internalError
        }
        self.needed = needed
        self.workspace = workspace
        user = try call.user().userID
        self.call = call
        self.clock = clock
    }

    /// Why the caller may not any more, judged under the workspace's lock; `nil`: they may.
    func refusal(in connection: any DatabaseConnection) throws -> Problem? {
        needed.refusal(of: try membership(locked: true, in: connection))
    }

    /// The decision that notes what was done.
    func decision(in connection: any DatabaseConnection) throws -> WorkspaceDecision {
        guard let membership = try membership(locked: false, in: connection) else {
            throw Problem.workspaceNotFound
        }
        return WorkspaceDecision(
            connection: connection, membership: membership, call: call, now: clock.now())
    }

    private func membership(
        locked: Bool, in connection: any DatabaseConnection
    ) throws -> Membership? {
        try Membership.find(of: user, in: workspace, locked: locked, connection)
    }
}

extension WorkspaceAccountParts {
    /// Carries a command on a workspace's account out; its caller is judged again.
    ///
    /// - Parameter alongside: runs in the database transaction of the decision.
    /// - Throws: ``Problem`` of the action's guard, and what `alongside` throws.
    func perform<A: Action, Command: LedgerCommand>(
        _ command: Command, for action: A.Type, by call: Call,
        alongside: @escaping @Sendable (WorkspaceDecision, Command.Outcome) throws -> Void
    ) async throws -> Command.Outcome {
        let caller = try CallForAccount(
            action, on: command.userID, by: call, clock: workspaces.clock)
        return try await ledger.perform(command) { connection in
            try caller.refusal(in: connection)
        } alongside: { connection, outcome in
            try alongside(try caller.decision(in: connection), outcome)
        }.get()
    }
}
