import CareerDomain
import Database
import FoundationEssentials
import HTTPEndpoint

struct DeleteMe: Action {
    let identity: IdentityServices

    static let about = About(
        "Delete my account",
        details: """
            First ends what is paid for, then erases everything. What is kept is a keyed hash of \
            the email with the running free period and whether the trial was used.
            """,
        access: .user, refusals: [.paymentProviderUnavailable, .paymentProviderError])

    func read(_ input: inout InputReader) {}

    func perform(_ input: Void, _ call: Call) async throws -> Reply<MessageResponse> {
        let id = try call.user().userID
        guard let user = try await identity.database.read({ try UserRow.find(id: id, in: $0) })
        else { throw Problem.unauthorized }
        try await identity.beforeErasing(id)
        let now = identity.clock.now()
        _ = try await identity.ledger.perform(EraseAccount(userID: id)) {
            [identity] connection, former in
            if let former {
                try identity.formerAccounts.remember(
                    former, under: identity.formerAccounts.key(of: user), in: connection,
                    now: now)
            }
            try Self.erase(user, in: connection)
        }
        return Reply(MessageResponse("The account is deleted."))
    }

    /// Children first; codes, sessions, checkouts and previews go with the user's row.
    private static func erase(_ user: UserRow, in connection: any DatabaseConnection) throws {
        let id = [SQLValue.uuid(user.id)]
        try connection.execute("DELETE FROM career_usage_logs WHERE user_id = ?", id)
        try connection.execute("DELETE FROM credit_grants WHERE user_id = ?", id)
        try connection.execute(
            """
            DELETE FROM subscription_changes WHERE subscription_id IN (
                SELECT id FROM subscriptions WHERE user_id = ?)
            """, id)
        try connection.execute("DELETE FROM career_subscription_contexts WHERE user_id = ?", id)
        try connection.execute("DELETE FROM subscriptions WHERE user_id = ?", id)
        if let email = user.email {
            try connection.execute("DELETE FROM mails WHERE recipient = ?", [.text(email)])
        }
        try connection.execute("DELETE FROM users WHERE id = ?", id)
    }
}
