import Database
import FoundationEssentials
import HTTPEndpoint
import Tokens
import Users

package struct VerifySignUp: Action {
    let identity: IdentityServices

    package init(identity: IdentityServices) {
        self.identity = identity
    }

    package static let about = About(
        "Verify the email with the mailed code",
        details: """
            Gives the user the Free plan and signs them in. Who proves the address decides: with \
            `password` that one is the account's. Without it the sign-up's own is, unless others \
            have signed the address up with other passwords: then the account has none until one \
            is chosen by a reset.
            """,
        access: .open, refusals: [.wrongCode, .accountDeactivated, .tooManyAttempts])

    package func read(_ input: inout InputReader) -> VerifySignUpRequest {
        input.body(VerifySignUpRequest.self)
    }

    package func perform(
        _ request: VerifySignUpRequest, _ call: Call
    ) async throws -> Reply<TokenResponse> {
        let session = NewSession(on: call, isRemembered: false, now: identity.clock.now())
        let user = try await begin(session, request, call)
        return Reply(
            identity.tokens(
                for: user, sessionID: session.id, refreshToken: session.refreshToken))
    }

    /// Proves the address in a browser, and signs it in.
    /// - Parameter secret: what its cookie will hold.
    /// - Throws: what the endpoint throws.
    package func onPage(
        _ request: VerifySignUpRequest, _ call: Call, secret: String
    ) async throws {
        let session = NewSession(
            on: call, isRemembered: false, now: identity.clock.now(), pageSecret: secret)
        _ = try await begin(session, request, call)
    }

    private func begin(
        _ session: NewSession, _ request: VerifySignUpRequest, _ call: Call
    ) async throws -> UserRow {
        let known = try await identity.checkCode(
            request.code, .signUp, request.email, call)
        let choice = try await choice(request.password, known, call)
        let now = identity.clock.now()
        let former = try await identity.database.read { [identity] connection in
            try identity.formerAccounts.find(
                identity.formerAccounts.key(of: known), in: connection)?.account
        }
        // The mark, the Free plan and the session come to be together or not at all.
        _ = try await identity.subscriptions.createFreeSubscription(
            for: known.id, former: former,
            unless: { [identity] connection in
                guard let user = try UserRow.findLocked(id: known.id, in: connection) else {
                    return Problem.wrongCode
                }
                guard user.isActive else { return Problem.accountDeactivated }
                // Who is verified already has a password of their own, which no sign-up's code
                // changes.
                let isRedeemed =
                    try user.emailVerifiedAt == nil
                    && identity.codes.redeem(
                        request.code, .signUp, of: user.id, in: connection, now: now)
                return isRedeemed ? nil : Problem.wrongCode
            }
        ) { connection, _ in
            guard let user = try UserRow.find(id: known.id, in: connection) else { return }
            let (password, name) = choice.outcome(for: user)
            try UserRow.verify(
                user.id, passwordHash: password, fullName: name, in: connection, now: now)
            try session.insert(for: user.id, in: connection)
        }
        return known
    }

    /// The password that comes with the code.
    private struct Choice: Sendable {
        /// `nil` where none came.
        let hash: String?
        /// The sign-up's hash, where it is of the same password.
        let same: String?

        /// What the account has from now on. A name is believed of who knows the password that the
        /// account gets, and of nobody else who signed it up.
        func outcome(for user: UserRow) -> (password: String?, name: String?) {
            guard let hash else { return (user.passwordHash, user.fullName) }
            return (hash, same == user.passwordHash ? user.fullName : nil)
        }
    }

    private func choice(
        _ password: String?, _ user: UserRow, _ call: Call
    ) async throws -> Choice {
        guard let password else { return Choice(hash: nil, same: nil) }
        let customer = PasswordHasher.Customer.proven(network: call.network)
        if let hash = user.passwordHash,
            try await identity.passwords.matches(password, hash, for: customer)
        {
            return Choice(hash: hash, same: hash)
        }
        return Choice(
            hash: try await identity.passwords.hash(password, for: customer), same: nil)
    }
}

package struct VerifySignUpRequest: JSONInput {
    let email: EmailAddress
    let code: String
    let password: String?

    package static let about = "The code out of the mail."

    package init(_ reader: inout ObjectReader) {
        email = reader.required("email", .email, "The address that signed up.")
        code = reader.required("otp_code", .otpCode, "Good for ten minutes and five tries.")
        password = reader.optional(
            "password", .newPassword,
            "The account's from now on, whoever else signed the address up.")
    }
}
