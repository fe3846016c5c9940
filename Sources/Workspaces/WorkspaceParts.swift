import Database
import FoundationEssentials
import HTTPEndpoint
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
    /// The credits of workspaces, each in its place; `nil` without a subscription.
    let balance: @Sendable ([UUID], any DatabaseConnection) throws -> [WorkspaceCredits?]

    /// What follows if a workspace's bills go to another address, in the same database transaction.
    package var billingEmailChanged: WorkspaceMails.AddressChange = { _, _, _, _ in }

    package init(
        database: any Database, clock: DecisionClock, secrets: TokenHashSecrets,
        throttle: AuthThrottle, mails: WorkspaceMails,
        subscribe: @escaping @Sendable (UUID) async throws -> Void,
        balance:
            @escaping @Sendable ([UUID], any DatabaseConnection) throws -> [WorkspaceCredits?]
    ) {
        self.database = database
        self.clock = clock
        self.secrets = secrets
        self.throttle = throttle
        self.mails = mails
        self.subscribe = subscribe
        self.balance = balance
    }
}

extension WorkspaceParts {
    /// The workspace with what its ledger says of its credits now, and the address that waits for
    /// a code which is good now. It is told before a change is durable: a change that was made is
    /// not answered as an error.
    package func told(
        _ workspace: WorkspaceResponse, in connection: any DatabaseConnection
    ) throws -> WorkspaceResponse {
        try told([workspace], in: connection)[0]
    }

    func told(
        _ workspaces: [WorkspaceResponse], in connection: any DatabaseConnection
    ) throws -> [WorkspaceResponse] {
        let credits = try balance(workspaces.map(\.membership.workspace.id), connection)
        let now = clock.now()
        return zip(workspaces, credits).map { workspace, credits in
            var told = workspace
            told.credits = credits ?? .none
            told.pendingBilling = workspace.billing?.pending(at: now)
            return told
        }
    }
}

extension WorkspaceParts {
    /// Mails that a workspace may cause within an hour.
    static let mailsPerWorkspace: Int64 = 20
    /// Mails that an address may get within a day, of whatever workspaces.
    static let mailsPerAddress: Int64 = 3

    /// Counts a mail to an address that may be anybody's; with what is thrown the count is undone,
    /// too.
    ///
    /// - Throws: ``Problem`` 429 `too_many_attempts`.
    package func countMail(to email: EmailAddress, of decision: WorkspaceDecision) throws {
        let buckets = [
            throttle.bucket(
                "workspace mail", of: decision.workspace.id.text,
                limit: Self.mailsPerWorkspace, seconds: 3600),
            throttle.bucket(
                "invited mail", of: email.key, limit: Self.mailsPerAddress, seconds: 86_400),
        ]
        let refusal = try throttle.begin(buckets, in: decision.connection, now: decision.now)
        if let refusal { throw refusal }
    }
}
