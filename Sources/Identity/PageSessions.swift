import Crypto
import Database
import FoundationEssentials
import HTTPEndpoint
import Values

/// The sessions of browsers: rows of the same table as those of refresh tokens, found by the hash
/// of a secret that a cookie holds. The secret is new with each sign-in; use does not change it.
package struct PageSessions: Sendable {
    private let database: any Database
    private let currentActiveUser: CurrentActiveUser
    private let clock: DecisionClock

    init(database: any Database, currentActiveUser: CurrentActiveUser, clock: DecisionClock) {
        self.database = database
        self.currentActiveUser = currentActiveUser
        self.clock = clock
    }

    static func hash(_ secret: String) -> [UInt8] { Array(SHA256.hash(data: Array(secret.utf8))) }

    /// Who is signed in by this secret; `nil` where the session is over, or its user is gone.
    /// - Throws: ``Problem`` 403 `account_deactivated`.
    package func caller(_ secret: String) async throws -> Caller? {
        let now = clock.now()
        let found = try await database.read { connection -> Caller? in
            let row = try connection.queryOne(
                """
                SELECT id, user_id FROM sessions
                WHERE page_hash = ? AND revoked_at IS NULL AND expires_at > ?
                """, [.blob(Self.hash(secret)), .time(now)])
            guard var reader = row?.reader else { return nil }
            let id = try reader.uuid()
            return try Caller(userID: reader.uuid(), sessionID: id)
        }
        guard let found else { return nil }
        do {
            try await currentActiveUser.confirm(found)
            return found
        } catch let problem as Problem where problem.status == 401 {
            return nil
        }
    }
}
