import HTTPEndpoint

extension Problem {
    static let invalidToken = Problem(
        401, "invalid_token", "Invalid token", "The access token is not valid or has expired.")
    static let wrongCredentials = Problem(
        401, "invalid_credentials", "Invalid credentials",
        "Email and password do not match a verified account.")
    package static let wrongCode = Problem(
        400, "invalid_code", "Invalid code", "The code is wrong or has expired.")
    static let invalidRefreshToken = Problem(
        401, "invalid_refresh_token", "Invalid refresh token",
        "The refresh token is not valid; sign in again.")
    package static let pageLinkInvalid = Problem(
        403, "page_link_invalid", "Link not valid",
        "The link was used, is older than 60 seconds, or is none of ours.")
    static let noPassword = Problem(
        409, "no_password", "No password",
        "This account signs in elsewhere and has no password here.")
    static let sessionNotFound = Problem(
        404, "session_not_found", "No such session", "You have no such session.")
    package static let ownsWorkspaces = Problem(
        409, "owns_workspaces", "Owns workspaces",
        "You own teams: delete them or give them to another member first.")
    static let identityProviderUnavailable = Problem(
        503, "identity_provider_unavailable", "Identity provider unavailable",
        "The identity provider's keys cannot be fetched; try again shortly."
    ).retry(afterSeconds: 10)
}
