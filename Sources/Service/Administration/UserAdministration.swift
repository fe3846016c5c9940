import Billing
import Database
import Foundation
import HTTPEndpoint
import Identity
import Ledger
import LedgerStore
import Settings
import Tokens
import Users
import Values

/// An operator's basics on users.
public struct UserAdministration: Sendable {
    public struct UserSummary: Sendable {
        public let id: UUID
        /// `nil` if another identity provider has not told it.
        public let email: String?
        public let emailVerifiedAt: Timestamp?
        public let fullName: String?
        public let isActive: Bool
        public let createdAt: Timestamp
    }

    /// Why an account could not be created.
    public struct Refusal: Error, CustomStringConvertible {
        public let description: String
    }

    private let database: any Database
    private let ledger: CareerLedger
    private let clock: DecisionClock
    private let subscriptions: CareerSubscriptionService
    private let passwords: PasswordHasher
    private let secrets: TokenHashSecrets
    private let installation: InstallationSecret

    public init(_ core: CareerCore) {
        database = core.database
        ledger = core.ledger
        clock = core.clock
        secrets = TokenHashSecrets(core.settings.tokenHashSecrets)
        installation = core.installation
        passwords = PasswordHasher(exponent: core.settings.passwordCost)
        subscriptions = CareerSubscriptionService(
            database: core.database, ledger: core.ledger, catalog: core.catalog,
            clock: core.clock)
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

    /// What came of ``create(email:password:)``.
    public enum Creation: Sendable {
        case created(UserSummary)
        /// Somebody had signed up with the address and not proven it.
        case verified(UserSummary)
        /// There was such an account; it stays as it is, its password too.
        case existing(UserSummary)
    }

    /// Makes an account whose address counts as proven, with the Free plan, without a mail.
    ///
    /// Where somebody has signed up with the address and not proven it, whoever that was, the
    /// account gets this password, and what they left is forgotten. A command that was cut off
    /// may be repeated.
    ///
    /// - Throws: ``Refusal`` for a bad address or password and for a deactivated account.
    public func create(email: String, password: String) async throws -> Creation {
        guard let address = EmailAddress(email) else {
            throw Refusal(description: "\(email) is no email address")
        }
        guard PasswordRule.accepts(password) else {
            throw Refusal(
                description: PasswordRule.length.contains(password.unicodeScalars.count)
                    ? "the password \(PasswordRule.message)"
                    : "the password must have 8 to 128 characters")
        }
        let hash = try await passwords.hash(password, for: .operatorsCommand)
        let now = clock.now()
        let creation = try await database.write { connection in
            try Self.keep(address, hash, in: connection, now: now)
        }
        let former = FormerAccounts(
            secrets: secrets,
            installation: installation)
        let known = try await database.read { connection in
            try former.find(former.key(email: address), in: connection)?.account
        }
        _ = try await subscriptions.createFreeSubscription(
            for: creation.summary.id, former: known)
        return creation
    }

    private static func keep(
        _ address: EmailAddress, _ hash: String, in connection: any DatabaseConnection,
        now: Timestamp
    ) throws -> Creation {
        let id = UUID.version7(at: now, randomness: .random(in: .min ... .max))
        let isNew =
            try UserRow.insert(
                id, address, passwordHash: hash, emailVerifiedAt: now, in: connection, now: now)
        guard let found = try UserRow.find(emailKey: address.key, in: connection),
            let user = try UserRow.findLocked(id: found.id, in: connection)
        else { throw DatabaseError.decoding("a user who was just inserted") }
        if isNew { return .created(summary(user)) }
        guard user.isActive else {
            throw Refusal(
                description: "\(address.text) is deactivated; cuebx users reactivate lets it in")
        }
        guard user.emailVerifiedAt == nil else { return .existing(summary(user)) }
        try UserRow.renew(
            user.id, address, passwordHash: hash, fullName: nil, in: connection, now: now)
        try UserRow.verify(
            user.id, passwordHash: hash, fullName: nil, in: connection, now: now)
        try OneTimeCodes.erase(of: user.id, in: connection)
        guard let verified = try UserRow.find(id: user.id, in: connection) else {
            throw DatabaseError.decoding("a user who was just updated")
        }
        return .verified(summary(verified))
    }

    /// Locks a user out, or lets them in again, see ``UserLock``.
    public func setActive(_ id: UUID, _ isActive: Bool) async throws {
        try await UserLock(ledger: ledger, clock: clock).setActive(id, isActive)
    }

    private static func summary(_ user: UserRow) -> UserSummary {
        UserSummary(
            id: user.id, email: user.email, emailVerifiedAt: user.emailVerifiedAt,
            fullName: user.fullName, isActive: user.isActive, createdAt: user.createdAt)
    }
}

extension UserAdministration.Creation {
    public var summary: UserAdministration.UserSummary {
        switch self {
        case .created(let summary), .verified(let summary), .existing(let summary): summary
        }
    }
}
