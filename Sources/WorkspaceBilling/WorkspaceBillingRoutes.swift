import Billing
import Database
import FoundationEssentials
import HTTPEndpoint
import Ledger
import LedgerStore
import Subscriptions
import Users
import Values
import WorkspaceAccounts
import WorkspaceAuditLog
import Workspaces

/// What the actions by which workspaces pay are made of.
package struct WorkspaceBillingParts: Sendable {
    package let workspaces: WorkspaceParts
    package let accounts: WorkspaceAccountParts
    /// Of workspaces.
    package let billing: CareerBillingService
    let trials: OwnerTrials
    /// Where Stripe's pages lead back to.
    let publicURL: String

    /// - Parameter hadTrial: whether an earlier account of a user's has had its trial.
    package init(
        workspaces: WorkspaceParts, accounts: WorkspaceAccountParts,
        billing: CareerBillingService, publicURL: String,
        hadTrial: @escaping @Sendable (UserRow, any DatabaseConnection) throws -> Bool
    ) {
        self.workspaces = workspaces
        self.accounts = accounts
        self.billing = billing
        self.publicURL = publicURL
        trials = OwnerTrials(billing: billing, hadBefore: hadTrial)
    }
}

/// The addresses by which a workspace pays, in the order of the documentation.
package func workspaceBillingRoutes(_ parts: WorkspaceBillingParts) -> [Endpoint] {
    let (tag, at) = ("API subscriptions", "/api/subscriptions/workspaces/{workspace_id}")
    return [
        Endpoint(.post, at + "/checkout", tag: tag, StartWorkspaceCheckout(parts: parts)),
        Endpoint(.post, at + "/portal", tag: tag, OpenWorkspacePortal(parts: parts)),
        Endpoint(.post, at + "/cancel", tag: tag, CancelWorkspaceSubscription(parts: parts)),
        Endpoint(.post, at + "/resume", tag: tag, ResumeWorkspaceSubscription(parts: parts)),
        Endpoint(
            .post, "/api/workspaces/{workspace_id}/credits/checkout", tag: "Workspaces",
            BuyWorkspacePack(parts: parts)),
        // What it pays for goes first.
        Endpoint(
            .delete, "/api/workspaces/{workspace_id}", tag: "Workspaces",
            parts.delete),
    ]
}

extension WorkspaceBillingParts {
    // The actions, for pages that do the same.
    package var delete: DeleteWorkspace { DeleteWorkspace(parts: self) }
    package var checkout: StartWorkspaceCheckout { StartWorkspaceCheckout(parts: self) }
    package var cancel: CancelWorkspaceSubscription { CancelWorkspaceSubscription(parts: self) }
    package var resume: ResumeWorkspaceSubscription { ResumeWorkspaceSubscription(parts: self) }

    package func portal(backTo url: String) -> OpenWorkspacePortal {
        OpenWorkspacePortal(parts: self, returnURL: url)
    }

    /// Judges the caller under the lock of the workspace, and notes what was asked for.
    func begin<A: Action>(
        _ action: A.Type, _ act: WorkspaceAct, on id: UUID, by call: Call
    ) async throws -> WorkspaceRow {
        try await workspaces.decide(action, on: id, by: call) { decision in
            try decision.note(act, id)
            return decision.workspace
        }
    }

    /// - Throws: ``Problem/subscriptionNotFound``
    func requireAccount(_ id: UUID) async throws {
        guard try await accounts.standing(of: id) != nil else {
            throw Problem.subscriptionNotFound.with(detail: "The workspace has no subscription.")
        }
    }
}

extension Problem {
    package static let seatsOutsidePlan = Problem(
        409, "seats_outside_plan", "Seats outside the plan",
        "The plan cannot be had with so many seats.")
}
