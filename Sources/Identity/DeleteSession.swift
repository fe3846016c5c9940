import Database
import FoundationEssentials
import HTTPEndpoint

struct DeleteSession: Action {
    let identity: IdentityServices

    static let about = About(
        "Sign out on one device", access: .user, status: 204, refusals: [.sessionNotFound])

    func read(_ input: inout InputReader) -> UUID {
        input.path("session_id", .uuid, "The session's id.")
    }

    func perform(_ sessionID: UUID, _ call: Call) async throws -> Reply<MessageResponse> {
        let user = try call.user().userID
        let now = identity.clock.now()
        let isRevoked = try await identity.database.write {
            try Sessions.revoke(sessionID, of: user, in: $0, now: now)
        }
        guard isRevoked else { throw Problem.sessionNotFound }
        return .noContent
    }
}
