import CareerDomain
import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import JWTKit

/// The identity provider that a deployment already has: accepts its tokens (RS256, ES256, EdDSA),
/// and gives each of its users one of ours, with a free subscription, when they are first seen. A
/// user is keyed by (issuer, `sub`), never by email, which the provider may hand to somebody else.
final class ExternalIssuer: Sendable {
    static let algorithms: Set<String> = ["RS256", "ES256", "EdDSA"]
    static let maximumSubjectBytes = 255

    private let issuer: String
    private let audience: String
    private let keys: JSONWebKeys
    private let database: any Database
    private let subscriptions: CareerSubscriptionService
    private let formerAccounts: FormerAccounts
    private let clock: DecisionClock

    init(
        issuer: String, audience: String, keys: JSONWebKeys, database: any Database,
        subscriptions: CareerSubscriptionService, formerAccounts: FormerAccounts,
        clock: DecisionClock
    ) {
        self.issuer = issuer
        self.audience = audience
        self.keys = keys
        self.database = database
        self.subscriptions = subscriptions
        self.formerAccounts = formerAccounts
        self.clock = clock
    }

    /// - Parameter jwt: whose times have been judged already.
    /// - Throws: ``Problem`` 401, or 503 where the provider cannot be asked for the key.
    func caller(of jwt: CompactJWT) async throws -> Caller {
        guard Self.algorithms.contains(jwt.algorithm), jwt.claims["iss"]?.string == issuer,
            isForUs(jwt.claims["aud"]), let subject = jwt.claims["sub"]?.string,
            (1...Self.maximumSubjectBytes).contains(subject.utf8.count),
            !subject.utf8.contains(0)
        else { throw Problem.invalidToken }
        let key: any JWTAlgorithm
        switch await keys.key(jwt.keyID, algorithm: jwt.algorithm) {
        case .key(let found): key = found
        case .unknown: throw Problem.invalidToken
        case .unavailable: throw Problem.identityProviderUnavailable
        }
        do {
            guard try key.verify(jwt.signature, signs: jwt.signedBytes) else {
                throw Problem.invalidToken
            }
        } catch {
            // A signature of another shape is thrown; it is no better than a wrong one.
            throw Problem.invalidToken
        }
        return Caller(userID: try await user(subject, jwt), sessionID: nil)
    }

    private func isForUs(_ claim: JSONValue?) -> Bool {
        switch claim {
        case .string(let text): text == audience
        case .array(let list): list.contains(.string(audience))
        default: false
        }
    }

    /// Finds the user or makes them: in the database each time, since another process may have
    /// erased them; a token that has been seen is remembered by ``TokenVerifier``. A token from before a deletion does not bring the account
    /// back.
    private func user(_ subject: String, _ jwt: CompactJWT) async throws -> UUID {
        let key = formerAccounts.key(issuer: issuer, subject: subject)
        let (found, former) = try await database.read { [self] connection in
            (try find(subject, in: connection), try formerAccounts.find(key, in: connection))
        }
        if let found, found.hasSubscription { return found.id }
        if found == nil, let former, let issuedAt = jwt.time("iat"),
            issuedAt.seconds <= former.deletedAt.seconds
        {
            throw Problem.invalidToken
        }
        let userID = try await insert(subject, jwt)
        _ = try await subscriptions.createFreeSubscription(
            for: userID, former: former?.account)
        return userID
    }

    private func find(
        _ subject: String, in connection: any DatabaseConnection
    ) throws -> (id: UUID, hasSubscription: Bool)? {
        let row = try connection.queryOne(
            """
            SELECT u.id, s.id FROM users u LEFT JOIN subscriptions s ON s.user_id = u.id
            WHERE u.issuer = ? AND u.subject = ?
            """, [.text(issuer), .text(subject)])
        guard var reader = row?.reader else { return nil }
        return (try reader.uuid(), try !reader.isNull())
    }

    /// - Returns: the new user, or the one that another request made at the same time.
    private func insert(_ subject: String, _ jwt: CompactJWT) async throws -> UUID {
        let now = clock.now()
        let id = UUID.version7(at: now, randomness: .random(in: .min ... .max))
        let email = jwt.claims["email"]?.string.flatMap { EmailAddress($0) }
        let isVerified = email != nil && jwt.claims["email_verified"]?.bool == true
        let name = jwt.claims["name"]?.string.map { String($0.prefix(200)) }
        return try await database.write { [self] connection in
            try connection.execute(
                """
                INSERT INTO users (id, email, email_verified_at, full_name, issuer, subject,
                    created_at, updated_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (issuer, subject) DO NOTHING
                """,
                [
                    .uuid(id), .text(email?.text), .time(isVerified ? now : nil),
                    .text(name?.utf8.contains(0) == true ? nil : name), .text(issuer),
                    .text(subject), .time(now), .time(now),
                ])
            guard let user = try find(subject, in: connection) else {
                throw DatabaseError.decoding("a user who was just inserted")
            }
            return user.id
        }
    }
}
