import Database
import FoundationEssentials
import Identity
import Tokens
import Users
import Values

/// The list of operators and their sessions.
package struct Operators: Sendable {
    package let database: any Database
    /// The decisions' clock: throttles and the journal go by it.
    package let clock: DecisionClock
    /// Codes and sessions go by the wall's, as authenticators do.
    let wall: DecisionClock
    let codes: OperatorCodes
    let throttle: AuthThrottle
    let passwords: PasswordHasher
    package let journal: OperatorJournal

    /// - Parameters:
    ///   - secrets: out of `OPERATOR_SECRET`.
    ///   - throttle: counts wrong passwords and codes, as it does for users.
    package init(
        database: any Database, clock: DecisionClock, wall: DecisionClock = .wall,
        secrets: TokenHashSecrets, throttle: AuthThrottle, passwords: PasswordHasher
    ) {
        self.database = database
        self.clock = clock
        self.wall = wall
        codes = OperatorCodes(secrets: secrets)
        self.throttle = throttle
        self.passwords = passwords
        journal = OperatorJournal(database: database, clock: clock)
    }

    // MARK: Sessions

    /// Who is signed in by this secret; `nil` where the session is over or the operator removed.
    package func session(secret: String) async throws -> OperatorSession? {
        let now = wall.now()
        return try await database.read {
            try OperatorSession.find(secret: secret, in: $0, now: now)
        }
    }

    package func session(id: UUID) async throws -> OperatorSession? {
        let now = wall.now()
        return try await database.read { try OperatorSession.find(id: id, in: $0, now: now) }
    }

    package func isSteppedUp(_ session: OperatorSession) -> Bool {
        session.isSteppedUp(wall.now())
    }

    package func signOut(_ sessionID: UUID) async throws {
        _ = try await database.write { connection in
            try connection.execute(
                "DELETE FROM operator_sessions WHERE id = ?", [.uuid(sessionID)])
        }
    }

    // MARK: The list

    /// What is shown once, and never again, to who is added.
    package struct Enrolment: Sendable {
        package let id: UUID
        /// An `otpauth://` address for an authenticator.
        package let address: String
        package let recoveryCodes: [String]
    }

    /// Adds an operator.
    ///
    /// - Parameter issuer: what an authenticator calls the service.
    /// - Returns: `nil` where there is one of this address; nothing was changed.
    package func add(
        _ email: EmailAddress, _ role: OperatorRole, password: String, issuer: String
    ) async throws -> Enrolment? {
        let hash = try await passwords.hash(password, for: .operatorsCommand)
        let now = clock.now()
        let id = UUID.version7(at: now, randomness: .random(in: .min ... .max))
        let secret = OperatorCodes.randomBytes(TOTP.secretBytes)
        let sealed = try codes.seal(secret, of: id)
        let recovery = codes.makeRecoveryCodes(of: id)
        let isNew = try await database.write { [journal] connection -> Bool in
            let added = try connection.execute(
                """
                INSERT INTO operators
                    (id, email, email_key, role, password_hash, totp_secret, totp_step, created_at)
                VALUES (?, ?, ?, ?, ?, ?, 0, ?)
                ON CONFLICT (email_key) DO NOTHING
                """,
                [
                    .uuid(id), .text(email.text), .text(email.key), .text(role.rawValue),
                    .text(hash), .blob(sealed), .time(now),
                ])
            guard added == 1 else { return false }
            try connection.executeMany(
                """
                INSERT INTO operator_recovery_codes (operator_id, code_hash, used_at)
                VALUES (?, ?, NULL)
                """, recovery.map { [.uuid(id), .blob($0.hash)] })
            try journal.note(
                .byCommand(.addOperator, subject: email.text, reason: role.rawValue),
                in: connection)
            return true
        }
        guard isNew else { return nil }
        return Enrolment(
            id: id, address: TOTP.address(secret, of: email.text, issuer: issuer),
            recoveryCodes: recovery.map(\.text))
    }

    /// Removes an operator with their sessions; what the journal says of them stays.
    /// - Returns: false where there is none of this address.
    package func remove(_ emailKey: String) async throws -> Bool {
        try await database.write { [journal] connection in
            let gone = try connection.execute(
                "DELETE FROM operators WHERE email_key = ?", [.text(emailKey)])
            guard gone == 1 else { return false }
            try journal.note(.byCommand(.removeOperator, subject: emailKey), in: connection)
            return true
        }
    }

    package func list() async throws -> [OperatorRow] {
        try await database.read { try OperatorRow.all(in: $0) }
    }
}
