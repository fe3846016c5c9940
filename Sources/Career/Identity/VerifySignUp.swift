import CareerDomain
import Database
import FoundationEssentials
import HTTPEndpoint

struct VerifySignUp: Action {
    let identity: IdentityServices

    static let about = About(
        "Verify the email with the mailed code",
        details: "Gives the user the Free plan and signs them in.", access: .open,
        refusals: [.wrongCode, .accountDeactivated, .tooManyAttempts])

    func read(_ input: inout InputReader) -> VerifySignUpRequest {
        input.body(VerifySignUpRequest.self)
    }

    func perform(
        _ request: VerifySignUpRequest, _ call: Call
    ) async throws -> Reply<TokenResponse> {
        let user = try await identity.checkCode(
            request.code, .signUp, request.email, call)
        let now = identity.clock.now()
        let session = NewSession(on: call, isRemembered: false, now: now)
        let former = try await identity.database.read { [identity] connection in
            try identity.formerAccounts.find(
                identity.formerAccounts.key(of: user), in: connection)?.account
        }
        // The mark, the Free plan and the session come to be together or not at all.
        _ = try await identity.subscriptions.createFreeSubscription(
            for: user.id, former: former
        ) { [identity] connection, _ in
            guard let user = try UserRow.findLocked(id: user.id, in: connection) else {
                throw Problem.wrongCode
            }
            guard user.isActive else { throw Problem.accountDeactivated }
            guard
                try identity.codes.redeem(
                    request.code, .signUp, of: user.id, in: connection)
            else { throw Problem.wrongCode }
            try connection.execute(
                """
                UPDATE users SET email_verified_at = coalesce(email_verified_at, ?),
                    updated_at = ?
                WHERE id = ?
                """, [.time(now), .time(now), .uuid(user.id)])
            try session.insert(for: user.id, in: connection)
        }
        return Reply(
            try await identity.tokens(
                for: user, sessionID: session.id, refreshToken: session.refreshToken))
    }
}

struct VerifySignUpRequest: JSONInput {
    let email: EmailAddress
    let code: String

    static let about = "The code out of the mail."

    init(_ reader: inout ObjectReader) {
        email = reader.required("email", .email, "The address that signed up.")
        code = reader.required("otp_code", .otpCode, "Good for ten minutes and five tries.")
    }
}
