import CareerDomain
import Database
import Foundation
import HTTPEndpoint
import Logging

/// What sign-up, sign-in and sessions are made of.
struct IdentityServices: Sendable {
    let database: any Database
    let clock: DecisionClock
    let ledger: CareerLedger
    let subscriptions: CareerSubscriptionService
    let passwords = PasswordHasher()
    let throttle: AuthThrottle
    let codes: OneTimeCodes
    let formerAccounts: FormerAccounts
    let accessTokens: AccessTokens
    let outbox: MailOutbox
    let gatekeeper: CareerGatekeeper
    /// Ends what the user pays for, before the account is erased.
    let beforeErasing: @Sendable (UUID) async throws -> Void
    let logger: Logger

    init(
        _ core: CareerCore, subscriptions: CareerSubscriptionService, outbox: MailOutbox,
        beforeErasing: @escaping @Sendable (UUID) async throws -> Void
    ) async throws {
        let settings = core.settings
        let secret = try await InstallationSecret.load(from: core.database)
        database = core.database
        clock = core.clock
        ledger = core.ledger
        logger = core.logger
        self.subscriptions = subscriptions
        self.outbox = outbox
        self.beforeErasing = beforeErasing
        throttle = AuthThrottle(secret: secret, exemptsLoopback: settings.isDevelopment)
        codes = OneTimeCodes(secret: secret)
        formerAccounts = FormerAccounts(secret: secret)
        accessTokens = try await AccessTokens(secret: settings.jwtSecret)
        var external: ExternalIssuer?
        if let source = settings.authJWKS, let issuer = settings.authIssuer,
            let audience = settings.authAudience
        {
            let keys = JSONWebKeys(source: source, logger: core.logger)
            external = ExternalIssuer(
                issuer: issuer, audience: audience, keys: keys, database: core.database,
                subscriptions: subscriptions, formerAccounts: formerAccounts, clock: core.clock)
        }
        gatekeeper = CareerGatekeeper(
            tokens: TokenVerifier(
                accessTokens: accessTokens, external: external, clock: core.clock),
            currentActiveUser: CurrentActiveUser(database: core.database),
            internalKeys: InternalKeys(settings.internalAPIKeys))
    }

    /// The tokens of a session, as an answer.
    func tokens(
        for user: UserRow, sessionID: UUID, refreshToken: String
    ) async throws -> TokenResponse {
        TokenResponse(
            accessToken: try await accessTokens.issue(
                userID: user.id, email: user.email, sessionID: sessionID, now: clock.now()),
            refreshToken: refreshToken)
    }

    /// Mails a code, where the address was not mailed too often. The tries count anew.
    func mailCode(
        _ purpose: OneTimeCodes.Purpose, to user: UserRow, email: EmailAddress,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        let code = try codes.issue(purpose, for: user.id, in: connection, now: now)
        try throttle.clear(throttle.tries(purpose, of: email.key), in: connection)
        let minutes = OneTimeCodes.lifetimeSeconds / 60
        // To the address as its account has it, which is the one that was proven.
        try outbox.enqueue(
            purpose == .signUp
                ? .signUpCode(code, minutes: minutes) : .passwordReset(code, minutes: minutes),
            to: user, in: connection, now: now)
    }

    /// Judges a code, counting a wrong one. The code itself is used up by whoever acts on it.
    /// - Throws: ``Problem`` 400 or 429, alike for an address without an account.
    func checkCode(
        _ code: String, _ purpose: OneTimeCodes.Purpose, _ email: EmailAddress, _ call: Call
    ) async throws -> UserRow {
        let buckets = throttle.code(purpose, of: email.key, from: call.remoteAddress)
        let now = clock.now()
        let verdict = try await database.write {
            [self] connection -> Result<UserRow, Problem> in
            if let refusal = try throttle.count(buckets, in: connection, now: now) {
                return .failure(refusal)
            }
            guard let user = try UserRow.find(emailKey: email.key, in: connection),
                try codes.accepts(code, purpose, of: user.id, in: connection, now: now)
            else { return .failure(.wrongCode) }
            try throttle.forgive(buckets, in: connection)
            return .success(user)
        }
        return try verdict.get()
    }
}

struct TokenResponse: JSONObjectOutput {
    let accessToken: String
    let refreshToken: String

    static let about = "The tokens of a session."
    static let fields: [OutputField<TokenResponse>] = [
        OutputField("access_token", .text, "A JWT, for `Authorization: Bearer`.") {
            $0.accessToken
        },
        OutputField("refresh_token", .text, "Good for one refresh.") { $0.refreshToken },
        OutputField("token_type", .text, "Always `bearer`.") { _ in "bearer" },
        OutputField("expires_in", .integer, "Seconds that the access token lasts.") { _ in
            AccessTokens.lifetimeSeconds
        },
    ]
}

/// A request that names an address and nothing else.
struct EmailRequest: JSONInput {
    let email: EmailAddress

    static let about = "An email address."

    init(_ reader: inout ObjectReader) {
        email = reader.required("email", .email, "The address.")
    }
}
