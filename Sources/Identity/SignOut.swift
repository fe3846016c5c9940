import Database
import HTTPEndpoint

/// Ends the session of a refresh token. A token that is no longer good ends nothing, and the
/// answer is the same.
struct SignOut: Action {
    let identity: IdentityServices

    static let about = About("Sign out", access: .open)

    func read(_ input: inout InputReader) -> RefreshTokenRequest {
        input.body(RefreshTokenRequest.self)
    }

    func perform(
        _ request: RefreshTokenRequest, _ call: Call
    ) async throws -> Reply<MessageResponse> {
        let now = identity.clock.now()
        _ = try await identity.database.write { connection in
            try connection.execute(
                """
                UPDATE sessions SET revoked_at = ?
                WHERE revoked_at IS NULL AND id IN (
                    SELECT session_id FROM refresh_tokens WHERE token_hash = ?)
                """, [.time(now), .blob(RefreshTokens.hash(request.refreshToken))])
        }
        return Reply(MessageResponse("Signed out."))
    }
}

package struct SignOutEverywhere: Action {
    let identity: IdentityServices

    package init(identity: IdentityServices) {
        self.identity = identity
    }

    package static let about = About("Sign out on every device", access: .user)

    package func read(_ input: inout InputReader) {}

    package func perform(_ input: Void, _ call: Call) async throws -> Reply<MessageResponse> {
        let user = try call.user().userID
        let now = identity.clock.now()
        try await identity.database.write {
            try Sessions.revokeAll(of: user, in: $0, now: now)
        }
        return Reply(MessageResponse("Signed out everywhere."))
    }
}
