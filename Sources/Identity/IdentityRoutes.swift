import HTTPEndpoint

/// - Parameter export: the endpoint by which a user takes their data with them.
package func identityEndpoints(
    _ identity: IdentityServices, export: Endpoint
) -> [Endpoint] {
    let tag = "Identity"
    return [
        Endpoint(.post, "/auth/signup", tag: tag, SignUp(identity: identity)),
        Endpoint(.post, "/auth/signup/verify", tag: tag, VerifySignUp(identity: identity)),
        Endpoint(.post, "/auth/signup/resend", tag: tag, ResendSignUpCode(identity: identity)),
        Endpoint(.post, "/auth/signin", tag: tag, SignIn(identity: identity)),
        Endpoint(.post, "/auth/token/refresh", tag: tag, RefreshToken(identity: identity)),
        Endpoint(.post, "/auth/signout", tag: tag, SignOut(identity: identity)),
        Endpoint(.post, "/auth/signout/all", tag: tag, SignOutEverywhere(identity: identity)),
        Endpoint(.post, "/auth/password/reset", tag: tag, RequestPasswordReset(identity: identity)),
        Endpoint(
            .post, "/auth/password/reset/confirm", tag: tag,
            ConfirmPasswordReset(identity: identity)),
        Endpoint(.post, "/auth/password/change", tag: tag, ChangePassword(identity: identity)),
        Endpoint(.get, "/auth/me", tag: tag, GetMe(identity: identity)),
        Endpoint(.patch, "/auth/me", tag: tag, UpdateMe(identity: identity)),
        Endpoint(.delete, "/auth/me", tag: tag, DeleteMe(identity: identity)),
        export,
        Endpoint(.get, "/auth/sessions", tag: tag, ListSessions(identity: identity)),
        Endpoint(
            .delete, "/auth/sessions/{session_id}", tag: tag, DeleteSession(identity: identity)),
    ]
}
