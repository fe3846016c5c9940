import Database
import FoundationEssentials
import HTTPEndpoint
import Users

package struct SignIn: Action {
    let identity: IdentityServices

    package init(identity: IdentityServices) {
        self.identity = identity
    }

    package static let about = About(
        "Sign in", details: "A wrong password and an unverified address are answered alike.",
        access: .open, refusals: [.wrongCredentials, .accountDeactivated, .tooManyAttempts])

    package func read(_ input: inout InputReader) -> SignInRequest {
        input.body(SignInRequest.self)
    }

    package func perform(_ request: SignInRequest, _ call: Call) async throws -> Reply<
        TokenResponse
    > {
        let session = NewSession(
            on: call, isRemembered: request.rememberMe, now: identity.clock.now())
        let user = try await begin(session, request, call)
        return Reply(
            identity.tokens(
                for: user, sessionID: session.id, refreshToken: session.refreshToken))
    }

    /// Signs a browser in.
    /// - Parameter secret: what its cookie will hold.
    /// - Throws: what the endpoint throws.
    package func onPage(_ request: SignInRequest, _ call: Call, secret: String) async throws {
        let session = NewSession(
            on: call, isRemembered: request.rememberMe, now: identity.clock.now(),
            pageSecret: secret)
        _ = try await begin(session, request, call)
    }

    private func begin(
        _ session: NewSession, _ request: SignInRequest, _ call: Call
    ) async throws -> UserRow {
        let now = identity.clock.now()
        let buckets = identity.throttle.password(
            of: request.email.key, from: call.remoteAddress)
        let (refusal, found) = try await identity.database.read { [identity] connection in
            (
                try identity.throttle.refusal(buckets, in: connection, now: now),
                try UserRow.find(emailKey: request.email.key, in: connection)
            )
        }
        if let refusal { throw refusal }
        let isRight = try await identity.passwords.matches(
            request.password, found?.passwordHash, for: .signIn(network: call.network))
        let verdict = try await identity.database.write {
            [identity] connection -> Result<UserRow, Problem> in
            if let refusal = try identity.throttle.begin(buckets, in: connection, now: now) {
                return .failure(refusal)
            }
            // Hashing took its time: the user is looked at again as they are now.
            guard isRight, let found,
                let user = try UserRow.findLocked(id: found.id, in: connection),
                user.passwordHash == found.passwordHash, user.emailVerifiedAt != nil
            else { return .failure(.wrongCredentials) }
            try identity.throttle.forgive(buckets, in: connection)
            guard user.isActive else { return .failure(.accountDeactivated) }
            try session.insert(for: user.id, in: connection)
            return .success(user)
        }
        return try verdict.get()
    }
}

package struct SignInRequest: JSONInput {
    let email: EmailAddress
    let password: String
    package let rememberMe: Bool

    package static let about = "Email and password."

    package init(_ reader: inout ObjectReader) {
        email = reader.required("email", .email, "In any case.")
        password = reader.required("password", .password, "The password.")
        rememberMe = reader.optional(
            "remember_me", .bool, default: false, "30 days for the refresh token instead of 7.")
    }
}
