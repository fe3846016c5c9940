import Database
import FoundationEssentials
import Mail
import Messaging
import Users

/// All that this database holds of a user, and how it is erased.
enum UserTraces {
    /// Children first; codes, sessions, checkouts and previews go with the user's row.
    static func erase(_ user: UserRow, in connection: any DatabaseConnection) throws {
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
        try eraseMails(to: user, in: connection)
        try AccountMessages.erase(user.id, in: connection)
        try eraseNotices(naming: user, in: connection)
        try connection.execute("DELETE FROM users WHERE id = ?", id)
    }

    /// The user's mails, whatever their address was then, with the messages that were to send them:
    /// a mail server's refusal, which is kept with a dead letter, may quote the address. Mails from
    /// before they told whose they are go by the address, in whatever case; where a user of another
    /// issuer shares it with an account of ours they stay.
    private static func eraseMails(
        to user: UserRow, in connection: any DatabaseConnection
    ) throws {
        let email = SQLValue.text(user.email?.lowercased())
        let prefixes = try connection.query(
            """
            DELETE FROM mails WHERE user_id = ?
                OR user_id IS NULL AND lower(recipient) = ?
                    AND NOT EXISTS (SELECT 1 FROM users WHERE email_key = ? AND id <> ?)
            RETURNING id
            """, [.uuid(user.id), email, email, .uuid(user.id)]
        ).map { row in
            var reader = row.reader
            return MailOutbox.messagePrefix(try reader.uuid())
        }
        // Those that the version before messages had an account enqueued.
        try AccountMessages.erase(
            .emails, beginningWith: prefixes, of: MailOutbox.messagePrefixLength, in: connection)
    }

    /// Notices are the operator's and stay; who they are about is named no more. Subjects are told
    /// apart, so they get a name that nobody had.
    private static func eraseNotices(
        naming user: UserRow, in connection: any DatabaseConnection
    ) throws {
        let nobody = SQLValue.text("a deleted user (\(UUID().text))")
        for name in [user.id.text, user.email].compactMap({ $0 }) {
            let pattern = SQLValue.text("%\(name)%")
            try connection.execute(
                """
                UPDATE operator_notices SET text = replace(text, ?, ?),
                    subject = replace(subject, ?, ?)
                WHERE text LIKE ? OR subject LIKE ?
                """, [.text(name), nobody, .text(name), nobody, pattern, pattern])
        }
    }
}
