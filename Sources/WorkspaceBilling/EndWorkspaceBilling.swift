import Billing
import Database
import FoundationEssentials
import LedgerStore
import Subscriptions
import Values
import Workspaces

/// What becomes of what a workspace pays for when it goes: alone, or with its user's account.
package struct EndWorkspaceBilling: Sendable {
    /// Of workspaces.
    let billing: CareerBillingService

    package init(billing: CareerBillingService) {
        self.billing = billing
    }

    /// Ends at Stripe whatever the workspace pays for, and deletes its customer.
    ///
    /// - Throws: what Stripe's client throws; then the workspace stays.
    package func atStripe(_ workspace: UUID) async throws {
        guard try await billing.catalog.ifOffered(in: billing.database) != nil else { return }
        try await billing.forget(user: workspace)
    }

    /// The same of a user's personal workspace, if there is one.
    package func ofPersonal(of user: UUID) async throws {
        let personal = try await billing.database.read {
            try WorkspaceRow.personal(of: user, in: $0)?.id
        }
        if let personal { try await atStripe(personal) }
    }

    /// In the database transaction in which the workspace goes. A customer that was made meanwhile
    /// is deleted by a worker, and a page that is being made finds no row and is expired.
    package func close(
        _ workspace: UUID, requestID: String, in connection: any DatabaseConnection,
        now: Timestamp
    ) throws {
        try billing.erased.handOver(
            of: workspace, of: .of(.api), requestID: requestID, in: connection, now: now)
        try connection.execute(
            "DELETE FROM workspace_checkouts WHERE workspace_id = ?", [.uuid(workspace)])
    }
}
