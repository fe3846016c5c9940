import Database
import FoundationEssentials
import Ledger
import Users
import Values

/// Tells users that their credits or their own limits are used up, or nearly: in the database
/// transaction of the commit that took them, so that it is told once, whatever happens to the
/// process.
package struct CreditMails: Sendable {
    let outbox: MailOutbox

    package init(outbox: MailOutbox) {
        self.outbox = outbox
    }

    package func enqueue(
        _ alert: CreditAlert, to userID: UUID, requestID: String?,
        in connection: any DatabaseConnection,
        now: Timestamp
    ) throws {
        guard alert.isForUser, let user = try UserRow.find(id: userID, in: connection) else {
            return
        }
        let told = alert.mark.map { [MailContent.creditsUsed(alert, mark: $0, now: now)] } ?? []
        for content in told + alert.limits.map(MailContent.limitReached) {
            try outbox.enqueue(
                content, to: user, requestID: requestID, in: connection, now: now)
        }
    }
}
