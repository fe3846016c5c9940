import Billing
import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Ledger
import Tokens
import Users
import Values

/// The identity provider that a deployment already has: accepts its tokens (RS256, ES256, EdDSA),
/// and gives each of its users one of ours, with a free subscription, when they are first seen. A
/// user is keyed by (issuer, `sub`), never by email, which the provider may hand to somebody else;
/// their email and name follow the newest token.
final class ExternalIssuer: Sendable {
    static let algorithms: Set<String> = ["RS256", "ES256", "EdDSA", "Ed25519"]
    static let maximumSubjectBytes = 255

    private let issuer: String
    private let audiences: Set<String>
    private let audienceClaim: String
    private let keys: JSONWebKeys
    private let database: any Database
    private let subscriptions: CareerSubscriptionService
    private let formerAccounts: FormerAccounts
    private let clock: DecisionClock

    /// - Parameter audienceClaim: names the audience in tokens that have no `aud`.
    init(
        issuer: String, audiences: Set<String>, audienceClaim: String, keys: JSONWebKeys,
        database: any Database, subscriptions: CareerSubscriptionService,
        formerAccounts: FormerAccounts, clock: DecisionClock
    ) {
        self.issuer = issuer
        self.audiences = audiences
        self.audienceClaim = audienceClaim
        self.keys = keys
        self.database = database
        self.subscriptions = subscriptions
        self.formerAccounts = formerAccounts
        self.clock = clock
    }

    /// - Parameter jwt: whose `exp` and `nbf` have been judged already.
    /// - Throws: ``TokenRefusal``, or ``Problem`` 503 where the provider cannot be asked for the
    ///   key.
    func caller(of jwt: CompactJWT) async throws -> Caller {
        guard Self.algorithms.contains(jwt.algorithm) else { throw TokenRefusal.algorithm }
        guard jwt.claims["iss"]?.string == issuer else { throw TokenRefusal.issuer }
        guard isForUs(jwt) else { throw TokenRefusal.audience }
        guard let subject = jwt.claims["sub"]?.string,
            (1...Self.maximumSubjectBytes).contains(subject.utf8.count), !subject.utf8.contains(0)
        else { throw TokenRefusal.subject }
        let latest = clock.now().adding(seconds: TokenVerifier.leewaySeconds)
        if let issuedAt = jwt.time("iat"), issuedAt > latest { throw TokenRefusal.fromTheFuture }
        let key: SignatureKey
        switch await keys.key(jwt.keyID, algorithm: jwt.algorithm) {
        case .key(let found): key = found
        case .unknown: throw TokenRefusal.unknownKey
        case .unavailable: throw Problem.identityProviderUnavailable
        }
        guard key.isValid(jwt.signature, for: jwt.signedBytes) else {
            throw TokenRefusal.badSignature
        }
        return Caller(
            userID: try await user(subject, jwt), sessionID: nil,
            authenticatedAt: jwt.time("auth_time"))
    }

    /// A token that has an `aud` is judged by that one (RFC 7519 §4.1.3). Some providers put none
    /// into access tokens; they name the client in another claim.
    private func isForUs(_ jwt: CompactJWT) -> Bool {
        switch jwt.claims["aud"] ?? jwt.claims[audienceClaim] {
        case .string(let text): audiences.contains(text)
        case .array(let list): list.contains { $0.string.map(audiences.contains) == true }
        default: false
        }
    }

    // MARK: The user

    /// Finds the user or makes them: in the database each time, since another process may have
    /// erased them; a token that has been seen is remembered by ``TokenVerifier``.
    private func user(_ subject: String, _ jwt: CompactJWT) async throws -> UUID {
        let profile = ProviderProfile(jwt, now: clock.now())
        let found = try await database.read { [self] in try find(subject, in: $0) }
        if let found, found.hasSubscription {
            if profile.changes(found.profile) {
                try await update(found.id, subject, profile)
            }
            return found.id
        }
        let (userID, former) = try await insert(subject, profile, issuedAt: jwt.time("iat"))
        _ = try await subscriptions.createFreeSubscription(for: userID, former: former)
        return userID
    }

    private struct Known {
        let id: UUID
        let hasSubscription: Bool
        let profile: ProviderProfile.Kept
    }

    private func find(_ subject: String, in connection: any DatabaseConnection) throws -> Known? {
        let row = try connection.queryOne(
            """
            SELECT u.id, s.id, u.email, u.email_verified_at, u.provider_name, u.profile_told_at
            FROM users u LEFT JOIN subscriptions s ON s.user_id = u.id
            WHERE u.issuer = ? AND u.subject = ?
            """, [.text(issuer), .text(subject)])
        guard var reader = row?.reader else { return nil }
        return try Known(
            id: reader.uuid(), hasSubscription: reader.optionalUUID() != nil,
            profile: ProviderProfile.Kept(
                email: reader.optionalText(), isVerified: reader.optionalTime() != nil,
                name: reader.optionalText(), toldAt: reader.optionalTime()))
    }

    /// - Returns: the new user, or the one that another request made at the same time, and what an
    ///   earlier account of theirs left.
    /// - Throws: ``TokenRefusal/deletedAccount`` for a token from before a deletion, or one that
    ///   does not tell when it was issued: it brings no account back.
    private func insert(
        _ subject: String, _ profile: ProviderProfile, issuedAt: Timestamp?
    ) async throws -> (id: UUID, former: FormerAccount?) {
        let now = clock.now()
        let id = UUID.version7(at: now, randomness: .random(in: .min ... .max))
        let former = formerAccounts.key(issuer: issuer, subject: subject)
        return try await database.write { [self] connection in
            let isNew =
                try UserRow.insert(
                    id, issuer: issuer, subject: subject,
                    UserRow.Provided(
                        email: profile.email, emailVerifiedAt: profile.isVerified ? now : nil,
                        name: profile.name, toldAt: profile.toldAt),
                    in: connection, now: now)
            // After the insertion, which waits for a deletion that is under way.
            let remembered = try formerAccounts.find(former, in: connection)
            if isNew, let remembered {
                guard let issuedAt, issuedAt.seconds > remembered.deletedAt.seconds else {
                    throw TokenRefusal.deletedAccount
                }
            }
            guard let user = try find(subject, in: connection) else {
                throw DatabaseError.decoding("a user who was just inserted")
            }
            return (user.id, remembered?.account)
        }
    }

    /// Takes over what a newer token tells. A name that the user has changed here stays until the
    /// provider's own changes.
    private func update(_ id: UUID, _ subject: String, _ profile: ProviderProfile) async throws {
        let now = clock.now()
        try await database.write { [self] connection in
            guard let user = try UserRow.findLocked(id: id, in: connection),
                let kept = try find(subject, in: connection)?.profile, profile.changes(kept)
            else { return }
            var verifiedAt = user.emailVerifiedAt
            if let email = profile.email {
                let isSame = email == user.email
                verifiedAt = profile.isVerified ? (isSame ? verifiedAt ?? now : now) : nil
            }
            let isNewName = profile.name != nil && profile.name != kept.name
            try UserRow.update(
                id,
                UserRow.Provided(
                    email: profile.email ?? user.email, emailVerifiedAt: verifiedAt,
                    name: profile.name ?? kept.name, toldAt: profile.toldAt),
                fullName: isNewName ? profile.name : user.fullName, in: connection, now: now)
        }
    }
}

/// What a provider's token tells of its user.
struct ProviderProfile: Sendable {
    static let maximumNameLength = 200

    /// `nil` where the token tells none, or none that is an address.
    let email: String?
    let isVerified: Bool
    /// `nil` where the token tells none.
    let name: String?
    /// When the token was issued, as far as it tells; never in the future.
    let toldAt: Timestamp

    /// As it was last taken over.
    struct Kept: Sendable {
        let email: String?
        let isVerified: Bool
        let name: String?
        /// `nil` for who was there before it was kept.
        let toldAt: Timestamp?
    }

    init(_ jwt: CompactJWT, now: Timestamp) {
        email = jwt.claims["email"]?.string.flatMap { EmailAddress($0) }?.text
        isVerified = email != nil && jwt.claims["email_verified"]?.bool == true
        let name = jwt.claims["name"]?.string.map { String($0.prefix(Self.maximumNameLength)) }
        self.name = name?.isEmpty == true || name?.utf8.contains(0) == true ? nil : name
        toldAt = min(jwt.time("iat") ?? now, now)
    }

    /// Whether this token is not older than what is kept, and tells something else. What it does
    /// not tell stays.
    func changes(_ kept: Kept) -> Bool {
        if let toldAt = kept.toldAt, self.toldAt < toldAt { return false }
        let isOtherEmail =
            email != nil && (email != kept.email || isVerified != kept.isVerified)
        return isOtherEmail || (name != nil && name != kept.name)
    }
}
