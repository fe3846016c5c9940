import Billing
import Database
import FoundationEssentials
import HTTPEndpoint
import LedgerStore
import Mail
import Messaging
import Users
import Values

/// What targets above keep of a user, and how it goes.
package struct OtherTraces: Sendable {
    /// Why the user cannot be erased now. It has written nothing then.
    let refusal: @Sendable (UUID, any DatabaseConnection) throws -> Problem?
    /// In the database transaction that erases the user, before their row goes.
    let erase:
        @Sendable (UserRow, _ requestID: String, any DatabaseConnection, Timestamp) throws -> Void

    package init(
        refusal: @escaping @Sendable (UUID, any DatabaseConnection) throws -> Problem?,
        erase:
            @escaping @Sendable (UserRow, String, any DatabaseConnection, Timestamp) throws -> Void
    ) {
        self.refusal = refusal
        self.erase = erase
    }
}

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
