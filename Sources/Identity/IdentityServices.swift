import Billing
import Database
import Foundation
import HTTPEndpoint
import LedgerStore
import Logging
import Mail
import ServiceLifecycle
import Tokens
import Users
import Values

/// What the settings say of users and their sessions.
package struct IdentitySettings: Sendable {
    /// The identity provider that a deployment already has.
    package struct Provider: Sendable {
        let issuer: String
        let jwks: String
        let audiences: Set<String>
        /// Names the audience in tokens that have no `aud`.
        let audienceClaim: String

        package init(issuer: String, jwks: String, audiences: Set<String>, audienceClaim: String) {
            self.issuer = issuer
            self.jwks = jwks
            self.audiences = audiences
            self.audienceClaim = audienceClaim
        }
    }

    let tokenHashSecrets: TokenHashSecrets
    /// The database's own secret.
    let installation: InstallationSecret
    let passwordCost: Int
    let jwtSecret: String
    let internalAPIKeys: [String]
    /// `nil` if all users are ours.
    let provider: Provider?
    /// Whether throttles let this machine's own clients through, as development does.
    let exemptsLoopback: Bool

    package init(
        tokenHashSecrets: TokenHashSecrets, installation: InstallationSecret, passwordCost: Int,
        jwtSecret: String,
        internalAPIKeys: [String], provider: Provider?, exemptsLoopback: Bool
    ) {
        self.tokenHashSecrets = tokenHashSecrets
        self.installation = installation
        self.passwordCost = passwordCost
        self.jwtSecret = jwtSecret
        self.internalAPIKeys = internalAPIKeys
        self.provider = provider
        self.exemptsLoopback = exemptsLoopback
    }
}

/// What sign-up, sign-in and sessions are made of.
package struct IdentityServices: Sendable {
    package let database: any Database
    package let clock: DecisionClock
    let ledger: CareerLedger
    package let subscriptions: CareerSubscriptionService
    package let passwords: PasswordHasher
    let throttle: AuthThrottle
    let codes: OneTimeCodes
    let formerAccounts: FormerAccounts
    let accessTokens: AccessTokens
    let refreshTokens: RefreshTokens
    /// The sessions of browsers, and what makes their forms act once.
    package let pageSessions: PageSessions
    package let forms: FormTokens
    /// What runs as long as the server does.
    package let services: [any Service]
    let outbox: MailOutbox
    package let gatekeeper: CareerGatekeeper
    /// Ends what the user pays for, before the account is erased.
    let beforeErasing: @Sendable (UUID) async throws -> Void
    let otherTraces: OtherTraces
    let erasedCustomers: ErasedCustomers
    let logger: Logger

    package init(
        _ settings: IdentitySettings, database: any Database, ledger: CareerLedger,
        clock: DecisionClock, logger: Logger, subscriptions: CareerSubscriptionService,
        outbox: MailOutbox, erasedCustomers: ErasedCustomers,
        otherTraces: OtherTraces,
        beforeErasing: @escaping @Sendable (UUID) async throws -> Void
    ) async throws {
        let secrets = settings.tokenHashSecrets
        self.database = database
        self.clock = clock
        self.ledger = ledger
        self.logger = logger
        passwords = PasswordHasher(exponent: settings.passwordCost)
        self.subscriptions = subscriptions
        self.outbox = outbox
        self.beforeErasing = beforeErasing
        self.otherTraces = otherTraces
        self.erasedCustomers = erasedCustomers
        throttle = AuthThrottle(secrets: secrets, exemptsLoopback: settings.exemptsLoopback)
        codes = OneTimeCodes(secrets: secrets)
        formerAccounts = FormerAccounts(
            secrets: secrets,
            installation: settings.installation)
        refreshTokens = RefreshTokens(secrets: secrets)
        accessTokens = AccessTokens(secret: settings.jwtSecret)
        var external: ExternalIssuer?
        var services: [any Service] = []
        if let provider = settings.provider {
            let keys = JSONWebKeys(source: provider.jwks, logger: logger)
            services.append(keys)
            external = ExternalIssuer(
                issuer: provider.issuer, audiences: provider.audiences,
                audienceClaim: provider.audienceClaim, keys: keys, database: database,
                subscriptions: subscriptions, formerAccounts: formerAccounts, clock: clock)
        }
        self.services = services
        forms = FormTokens(secrets: secrets, database: database, clock: clock)
        let currentActiveUser = CurrentActiveUser(database: database, clock: clock)
        pageSessions = PageSessions(
            database: database, currentActiveUser: currentActiveUser, clock: clock)
        gatekeeper = CareerGatekeeper(
            tokens: TokenVerifier(
                accessTokens: accessTokens, external: external, clock: clock),
            currentActiveUser: currentActiveUser,
            internalKeys: InternalKeys(settings.internalAPIKeys), logger: logger)
    }

    /// The tokens of a session, as an answer.
    func tokens(
        for user: UserRow, sessionID: UUID, refreshToken: String
    ) -> TokenResponse {
        TokenResponse(
            accessToken: accessTokens.issue(
                userID: user.id, email: user.email, sessionID: sessionID, now: clock.now()),
            refreshToken: refreshToken)
    }

    /// What may be done for who asks for a mail.
    enum MailAdmission: Sendable {
        case granted
        /// One more would be too many for this address: nobody is to learn that, or from whom.
        case silent
        case refused(Problem)

        /// - Throws: the refusal.
        func isGranted() throws -> Bool {
            switch self {
            case .granted: return true
            case .silent: return false
            case .refused(let problem): throw problem
            }
        }
    }

    /// Judges a request for a mail with a code, before anything is looked up, hashed or written for
    /// it: whether the network may ask once more, and one more may go to this address. From then on
    /// the tries of such a code count anew. All is so for every address, with an account or
    /// without, since a stranger could tell them apart by it.
    func admitMail(
        _ purpose: OneTimeCodes.Purpose, to email: EmailAddress, from address: String,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws -> MailAdmission {
        let requests = throttle.requests(from: address)
        if let refusal = try throttle.begin(requests, in: connection, now: now) {
            return .refused(refusal)
        }
        let mails = throttle.mails(to: email.key, from: address)
        guard try throttle.begin(mails, in: connection, now: now) == nil else { return .silent }
        try throttle.noteIssue(of: purpose, to: email.key, in: connection, now: now)
        return .granted
    }

    /// Mails a code that ``admitMail(_:to:from:in:now:)`` has granted.
    func mailCode(
        _ purpose: OneTimeCodes.Purpose, to user: UserRow, _ call: Call,
        in connection: any DatabaseConnection
    ) throws {
        // Counting the mail has put those who ask at the same time in turn, and the code that
        // counts is the last one's. So is the newest mail only by a time that is read here.
        let now = clock.now()
        let code = try codes.issue(
            purpose, for: user.id, askedFrom: call.remoteAddress, in: connection, now: now)
        let minutes = OneTimeCodes.lifetimeSeconds / 60
        let isContested = user.passwordHash == PasswordHasher.noPassword
        // To the address as its account has it, which is the one that was proven.
        try outbox.enqueue(
            purpose == .signUp
                ? .signUpCode(code, minutes: minutes, isContested: isContested)
                : .passwordReset(code, minutes: minutes),
            to: user, requestID: call.id, in: connection, now: now)
    }

    /// Judges a code, counting a wrong one. The code itself is used up by whoever acts on it.
    /// - Throws: ``Problem`` 429 before the code is looked at, 400 for a wrong one, both alike for
    ///   an address without an account; 403 for the right code of a deactivated account.
    func checkCode(
        _ code: String, _ purpose: OneTimeCodes.Purpose, _ email: EmailAddress, _ call: Call
    ) async throws -> UserRow {
        let now = clock.now()
        let verdict = try await database.write {
            [self] connection -> Result<UserRow, Problem> in
            let issue = try throttle.latestIssue(
                of: purpose, to: email.key, in: connection, now: now)
            let buckets = throttle.code(
                purpose, of: email.key, issue: issue, from: call.remoteAddress)
            if let refusal = try throttle.begin(buckets, in: connection, now: now) {
                return .failure(refusal)
            }
            guard let user = try UserRow.find(emailKey: email.key, in: connection),
                try codes.accepts(code, purpose, of: user.id, in: connection, now: now)
            else { return .failure(.wrongCode) }
            try throttle.forgive(buckets, in: connection)
            return user.isActive ? .success(user) : .failure(.accountDeactivated)
        }
        return try verdict.get()
    }
}

extension Call {
    /// The network that it comes from, as throttles and queues know it.
    var network: String { AuthThrottle.network(of: remoteAddress) }
}

package struct TokenResponse: JSONObjectOutput {
    let accessToken: String
    let refreshToken: String

    package static let about = "The tokens of a session."
    package static let fields: [OutputField<TokenResponse>] = [
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
package struct EmailRequest: JSONInput {
    package let email: EmailAddress

    package static let about = "An email address."

    package init(_ reader: inout ObjectReader) {
        email = reader.required("email", .email, "The address.")
    }
}
