import Database
import FoundationEssentials
import HTTPEndpoint

package struct DeleteSession: Action {
    let identity: IdentityServices

    package init(identity: IdentityServices) {
        self.identity = identity
    }

    package static let about = About(
        "Sign out on one device", access: .user, status: 204, refusals: [.sessionNotFound])

    package func read(_ input: inout InputReader) -> UUID {
        input.path("session_id", .uuid, "The session's id.")
    }

    package func perform(_ sessionID: UUID, _ call: Call) async throws -> Reply<MessageResponse> {
        let user = try call.user().userID
        let now = identity.clock.now()
        let isRevoked = try await identity.database.write {
            try Sessions.revoke(sessionID, of: user, in: $0, now: now)
        }
        guard isRevoked else { throw Problem.sessionNotFound }
        return .noContent
    }
}
