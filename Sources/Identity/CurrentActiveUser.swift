import Database
import HTTPEndpoint
import Users
import Values

/// The guard of every route that needs a user's token: the user behind it must still be there and
/// be active. It asks the database each time, so that deletion and deactivation act at once,
/// whatever tokens are still about.
///
/// Routes whose own decision asks the same in its database transaction (``Access/activeUserCheck``)
/// are let through without it.
struct CurrentActiveUser: Sendable {
    private let database: any Database
    private let clock: DecisionClock

    init(database: any Database, clock: DecisionClock) {
        self.database = database
        self.clock = clock
    }

    /// - Throws: ``Problem`` 401 for a user who is gone, or whose deletion is under way; 403
    ///   `account_deactivated`.
    func confirm(_ caller: Caller) async throws {
        let now = clock.now()
        let isActive = try await database.read { connection in
            try UserRow.isActive(caller.userID, in: connection, now: now)
        }
        guard let isActive else { throw Problem.unauthorized }
        guard isActive else { throw Problem.accountDeactivated }
    }
}
