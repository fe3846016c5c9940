import CareerDomain
import Database
import Foundation
import HTTPEndpoint

/// An operator's basics on users.
public struct UserAdministration: Sendable {
    public struct UserSummary: Sendable {
        public let id: UUID
        public let summary: String
    }

    /// Why an operator could not be created.
    public struct Refusal: Error, CustomStringConvertible {
        public let description: String
    }

    private let database: any Database
    private let clock: DecisionClock
    private let passwords = PasswordHasher()

    public init(_ core: CareerCore) {
        database = core.database
        clock = core.clock
    }

    /// The user of this email or id.
    public func find(_ name: String) async throws -> UserSummary? {
        try await database.read { connection in
            let user =
                if let id = UUID(uuidString: name) {
                    try UserRow.find(id: id, in: connection)
                } else {
                    try UserRow.find(emailKey: name.lowercased(), in: connection)
                }
            return user.map(Self.summary)
        }
    }

    /// Creates a user who is an operator, or makes an existing one an operator; their password
    /// then stays.
    public func createOperator(email: String, password: String) async throws -> UserSummary {
        guard let address = EmailAddress(email) else {
            throw Refusal(description: "\(email) is no email address")
        }
        guard PasswordRule.accepts(password) else {
            throw Refusal(description: "the password \(PasswordRule.message)")
        }
        let hash = try await passwords.hash(password)
        let now = clock.now()
        let user = try await database.write { connection -> UserRow? in
            let known = try UserRow.find(emailKey: address.key, in: connection)
            let id = known?.id ?? .version7(at: now, randomness: .random(in: .min ... .max))
            try connection.execute(
                """
                INSERT INTO users (id, email, email_key, email_verified_at, password_hash,
                    is_operator, created_at, updated_at)
                VALUES (?, ?, ?, ?, ?, 1, ?, ?)
                ON CONFLICT (id) DO UPDATE SET is_operator = 1, updated_at = excluded.updated_at
                """,
                [
                    .uuid(id), .text(address.text), .text(address.key), .time(now), .text(hash),
                    .time(now), .time(now),
                ])
            return try UserRow.find(id: id, in: connection)
        }
        guard let user else { throw DatabaseError.decoding("a user who was just inserted") }
        return Self.summary(user)
    }

    /// Locks a user out, or lets them in again. Locking out ends every session; metering stops
    /// with the next call.
    public func setActive(_ id: UUID, _ isActive: Bool) async throws {
        let now = clock.now()
        try await database.write { connection in
            try connection.execute(
                "UPDATE users SET is_active = ?, updated_at = ? WHERE id = ?",
                [.bool(isActive), .time(now), .uuid(id)])
            if !isActive { try Sessions.revokeAll(of: id, in: connection, now: now) }
        }
    }

    private static func summary(_ user: UserRow) -> UserSummary {
        UserSummary(
            id: user.id,
            summary: """
                id        \(user.id.text)
                email     \(user.email ?? "-")
                verified  \(user.emailVerifiedAt?.rfc3339 ?? "no")
                name      \(user.fullName ?? "-")
                active    \(user.isActive ? "yes" : "no")
                operator  \(user.isOperator ? "yes" : "no")
                created   \(user.createdAt.rfc3339)
                """)
    }
}
