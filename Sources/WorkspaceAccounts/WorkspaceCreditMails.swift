import Database
import FoundationEssentials
import Ledger
import Values
import Workspaces

/// Tells a workspace's people that its credits or its own limits are used up, or nearly: in the
/// database transaction of the charge, so that it is told once, whatever happens to the process.
package struct WorkspaceCreditMails: Sendable {
    let mails: WorkspaceMails
    let clock: DecisionClock

    package init(mails: WorkspaceMails, clock: DecisionClock) {
        self.mails = mails
        self.clock = clock
    }

    /// Of credits the owner and the admins are told, of a limit the owner and where bills go.
    package func tell(
        _ alert: CreditAlert, _ workspace: UUID, _ requestID: String,
        _ connection: any DatabaseConnection
    ) throws {
        guard alert.isForUser, let row = try WorkspaceRow.find(workspace, in: connection) else {
            return
        }
        let now = clock.now()
        if let mark = alert.mark {
            try mails.tellAdministrators(
                of: row,
                .workspaceCreditsUsed(row.displayName, alert, mark: mark, now: now),
                requestID: requestID, in: connection, now: now)
        }
        for limit in alert.limits {
            try mails.tellOwnerAndPayer(
                .workspaceLimitReached(row.displayName, limit), of: row, requestID: requestID,
                in: connection, now: now)
        }
    }
}
