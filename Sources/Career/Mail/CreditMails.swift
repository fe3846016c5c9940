import CareerDomain
import Database
import FoundationEssentials

/// Tells users that their credits are used up, or nearly: in the database transaction of the
/// commit that took them, so that it is told once, whatever happens to the process.
struct CreditMails: Sendable {
    let outbox: MailOutbox

    func enqueue(
        _ alert: CreditAlert, to userID: UUID, requestID: String?,
        in connection: any DatabaseConnection,
        now: Timestamp
    ) throws {
        guard let user = try UserRow.find(id: userID, in: connection) else { return }
        try outbox.enqueue(
            .creditsUsed(alert, now: now), to: user, requestID: requestID, in: connection,
            now: now)
    }
}
