import Database
import FoundationEssentials
import Ledger
import Telemetry
import Values

/// Tidies up: moves overdue reservations to EXPIRED and writes down which grants have ended, so
/// that rows say what decisions already take for granted. Nothing depends on it.
package struct ExpirySweeper: Sendable {
    package static let pause = Duration.seconds(5)
    /// Users that one sweep asks for at a time.
    static let maximumUsers = 200

    private let database: any Database
    private let ledger: CareerLedger
    private let clock: DecisionClock
    private let lags: LagMetrics

    package init(
        database: any Database, ledger: CareerLedger, clock: DecisionClock, lags: LagMetrics
    ) {
        self.database = database
        self.ledger = ledger
        self.clock = clock
        self.lags = lags
    }

    /// Expires all that is overdue now.
    /// - Returns: how many reservations and grants were expired.
    @discardableResult
    package func sweep() async throws -> Int {
        try await sweepReservations() + sweepGrants()
    }

    private func sweepGrants() async throws -> Int {
        var ended = 0
        while !Task.isCancelled {
            let now = clock.now()
            let accounts = try await database.read { connection in
                try StandaloneGrantRow.accountsToEnd(
                    at: now, limit: Self.maximumUsers, in: connection)
            }
            var progress = 0
            for account in accounts {
                if Task.isCancelled { return ended }
                progress += try await ledger.perform(SettleAccount(userID: account)).expired
            }
            ended += progress
            if progress == 0 { break }
        }
        return ended
    }

    private func sweepReservations() async throws -> Int {
        var expired = 0
        var oldest: Timestamp?
        while true {
            let now = clock.now()
            let overdue = try await database.read { connection in
                try connection.query(
                    """
                    SELECT user_id, min(expires_at) FROM career_usage_logs
                    WHERE status = 'PENDING' AND expires_at <= ? AND commit_accepted_at IS NULL
                    GROUP BY user_id LIMIT \(Self.maximumUsers)
                    """, [.time(now)]
                ).map { row in
                    var reader = row.reader
                    return (user: try reader.uuid(), since: try reader.time())
                }
            }
            var progress = 0
            for (user, since) in overdue {
                // A shutdown does not wait for a long backlog: what is left expires when it is
                // read.
                if Task.isCancelled { return expired }
                oldest = min(oldest ?? since, since)
                progress += try await ledger.perform(SettleAccount(userID: user)).expired
            }
            expired += progress
            if progress == 0 {
                lags.swept(at: now, oldest: oldest)
                return expired
            }
        }
    }
}
