import Billing
import Database
import LedgerStore
import Mail
import Messaging
import Users

/// All that this database holds of a user, and how it is erased: each owner erases its own.
enum UserTraces {
    /// Children first; codes, sessions, checkouts and previews go with the user's row.
    static func erase(_ user: UserRow, in connection: any DatabaseConnection) throws {
        try AccountRows.erase(user.id, in: connection)
        try MailTable.erase(to: user, in: connection)
        try AccountMessages.erase(user.id, in: connection)
        try OperatorNotices.erase(
            naming: [user.id.text, user.email].compactMap { $0 }, in: connection)
        try UserRow.erase(user.id, in: connection)
    }
}
