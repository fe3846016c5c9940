import Database
import FoundationEssentials
import HTTPEndpoint
import Values

/// How a user's row comes to be, changes and goes. Whoever decides on it holds the row's lock, or
/// names what the row must still say.
extension UserRow {
    /// Writes a user who signs in with an address of their own.
    ///
    /// - Returns: false if the address has a user, who stays as they are.
    package static func insert(
        _ id: UUID, _ email: EmailAddress, passwordHash: String, fullName: String? = nil,
        emailVerifiedAt: Timestamp? = nil, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Bool {
        try connection.execute(
            """
            INSERT INTO users (id, email, email_key, email_verified_at, password_hash, full_name,
                created_at, updated_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (email_key) DO NOTHING
            """,
            [
                .uuid(id), .text(email.text), .text(email.key), .time(emailVerifiedAt),
                .text(passwordHash), .text(fullName), .time(now), .time(now),
            ]) == 1
    }

    /// What an identity provider's token tells of its user.
    package struct Provided: Sendable {
        let email: String?
        let emailVerifiedAt: Timestamp?
        /// The user's name as the provider tells it.
        let name: String?
        /// When the token was issued.
        let toldAt: Timestamp

        package init(
            email: String?, emailVerifiedAt: Timestamp?, name: String?, toldAt: Timestamp
        ) {
            self.email = email
            self.emailVerifiedAt = emailVerifiedAt
            self.name = name
            self.toldAt = toldAt
        }
    }

    /// Writes a user of another issuer.
    ///
    /// - Returns: false if the issuer's subject has a user, who stays as they are.
    package static func insert(
        _ id: UUID, issuer: String, subject: String, _ told: Provided,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Bool {
        try connection.execute(
            """
            INSERT INTO users (id, email, email_verified_at, full_name, provider_name,
                profile_told_at, issuer, subject, created_at, updated_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (issuer, subject) DO NOTHING
            """,
            [
                .uuid(id), .text(told.email), .time(told.emailVerifiedAt), .text(told.name),
                .text(told.name), .time(told.toldAt), .text(issuer), .text(subject), .time(now),
                .time(now),
            ]) == 1
    }

    /// Takes over what a newer token of another issuer tells.
    package static func update(
        _ id: UUID, _ told: Provided, fullName: String?, in connection: any DatabaseConnection,
        now: Timestamp
    ) throws {
        try connection.execute(
            """
            UPDATE users SET email = ?, email_verified_at = ?, full_name = ?,
                provider_name = ?, profile_told_at = ?, updated_at = ?
            WHERE id = ?
            """,
            [
                .text(told.email), .time(told.emailVerifiedAt), .text(fullName),
                .text(told.name), .time(told.toldAt), .time(now), .uuid(id),
            ])
    }

    /// What a user has who signs their address up once more: the address as it was typed now.
    package static func renew(
        _ id: UUID, _ email: EmailAddress, passwordHash: String?, fullName: String?,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            """
            UPDATE users SET email = ?, password_hash = ?, full_name = ?, updated_at = ?
            WHERE id = ?
            """,
            [
                .text(email.text), .text(passwordHash), .text(fullName), .time(now), .uuid(id),
            ])
    }

    /// The address is proven; who proved it decides on the password and the name.
    package static func verify(
        _ id: UUID, passwordHash: String?, fullName: String?,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            """
            UPDATE users SET email_verified_at = ?, password_hash = ?, full_name = ?,
                updated_at = ?
            WHERE id = ?
            """,
            [.time(now), .text(passwordHash), .text(fullName), .time(now), .uuid(id)])
    }

    package static func setPassword(
        _ hash: String, of id: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            "UPDATE users SET password_hash = ?, updated_at = ? WHERE id = ?",
            [.text(hash), .time(now), .uuid(id)])
    }

    /// - Returns: false if the password is no longer the one that was shown.
    package static func replacePassword(
        _ shown: String, with hash: String, of id: UUID, in connection: any DatabaseConnection,
        now: Timestamp
    ) throws -> Bool {
        try connection.execute(
            """
            UPDATE users SET password_hash = ?, updated_at = ?
            WHERE id = ? AND password_hash = ?
            """, [.text(hash), .time(now), .uuid(id), .text(shown)]) == 1
    }

    package static func setName(
        _ name: String?, of id: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            "UPDATE users SET full_name = ?, updated_at = ? WHERE id = ?",
            [.text(name), .time(now), .uuid(id)])
    }

    /// - Parameter zone: `nil` for UTC.
    package static func setTimeZone(
        _ zone: String?, of id: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            "UPDATE users SET time_zone = ?, updated_at = ? WHERE id = ?",
            [.text(zone), .time(now), .uuid(id)])
    }

    /// A zone that this program does not know any more is UTC, and so is nobody's.
    package static func readerZone(
        of id: UUID, in connection: any DatabaseConnection
    ) throws -> ReaderZone {
        let row = try connection.queryOne(
            "SELECT time_zone FROM users WHERE id = ?", [.uuid(id)])
        guard var reader = row?.reader, let name = try reader.optionalText() else { return .utc }
        return ReaderZone(name) ?? .utc
    }

    package static func setActive(
        _ isActive: Bool, of id: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            "UPDATE users SET is_active = ?, updated_at = ? WHERE id = ?",
            [.bool(isActive), .time(now), .uuid(id)])
    }

    /// Notes that a deletion is under way, or with `nil` that it was broken off.
    package static func noteDeletion(
        of id: UUID, beganAt: Timestamp?, in connection: any DatabaseConnection
    ) throws {
        try connection.execute(
            "UPDATE users SET deletion_began_at = ? WHERE id = ?",
            [.time(beganAt), .uuid(id)])
    }

    /// A deletion that has taken longer was broken off: the account is there as before. In seconds.
    private static let longestDeletion: Int64 = 60

    /// Whether a user may act.
    ///
    /// - Returns: `nil` if they are gone, or their deletion is under way.
    package static func isActive(
        _ id: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws -> Bool? {
        let row = try connection.queryOne(
            "SELECT is_active, deletion_began_at FROM users WHERE id = ?", [.uuid(id)])
        guard var reader = row?.reader else { return nil }
        let (isActive, deletionBeganAt) = (try reader.bool(), try reader.optionalTime())
        let isGoing = deletionBeganAt.map { now < $0.adding(seconds: longestDeletion) } ?? false
        return isGoing ? nil : isActive
    }

    /// Locks the row of somebody who is about to buy: what they begin before their deletion is
    /// noted, the deletion finds and ends.
    ///
    /// - Throws: ``Problem`` 401 if they are gone, or their deletion is under way.
    package static func lockBuyer(
        _ id: UUID, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        guard try findLocked(id: id, in: connection) != nil,
            try isActive(id, in: connection, now: now) != nil
        else { throw Problem.unauthorized }
    }

    /// Erases the row; sessions, codes, checkouts and previews go with it. Rows of the ledger are
    /// erased before.
    package static func erase(_ id: UUID, in connection: any DatabaseConnection) throws {
        try connection.execute("DELETE FROM users WHERE id = ?", [.uuid(id)])
    }
}
