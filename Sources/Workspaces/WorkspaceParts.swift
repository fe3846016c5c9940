import Database
import FoundationEssentials
import Identity
import Mail
import Users
import Values

/// What the actions of workspaces are made of.
package struct WorkspaceParts: Sendable {
    package let database: any Database
    package let clock: DecisionClock
    package let secrets: TokenHashSecrets
    package let throttle: AuthThrottle
    package let mails: WorkspaceMails
    /// Gives a personal workspace the Free plan, unless it has a subscription.
    package let subscribe: @Sendable (UUID) async throws -> Void
    /// A workspace's credits; `nil` without a subscription.
    let balance: @Sendable (UUID) async throws -> WorkspaceCredits?

    package init(
        database: any Database, clock: DecisionClock, secrets: TokenHashSecrets,
        throttle: AuthThrottle, outbox: MailOutbox,
        subscribe: @escaping @Sendable (UUID) async throws -> Void,
        balance: @escaping @Sendable (UUID) async throws -> WorkspaceCredits?
    ) {
        self.database = database
        self.clock = clock
        self.secrets = secrets
        self.throttle = throttle
        mails = WorkspaceMails(outbox: outbox)
        self.subscribe = subscribe
        self.balance = balance
    }
}

extension WorkspaceParts {
    /// The workspace with what its ledger says of its credits now.
    package func told(_ workspace: WorkspaceResponse) async throws -> WorkspaceResponse {
        var told = workspace
        told.credits = try await balance(workspace.membership.workspace.id) ?? .none
        return told
    }
}
