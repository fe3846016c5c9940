import CareerDomain
import Database
import FoundationEssentials
import Logging
import ServiceLifecycle

/// Tidies up: moves overdue reservations to EXPIRED, so that rows say what decisions already take
/// for granted. Nothing depends on it.
public struct ExpirySweeper: Service {
    static let interval = Duration.seconds(5)
    /// Users that one sweep asks for at a time.
    static let maximumUsers = 200

    private let database: any Database
    private let ledger: CareerLedger
    private let clock: DecisionClock
    private let logger: Logger

    public init(
        database: any Database, ledger: CareerLedger, clock: DecisionClock, logger: Logger
    ) {
        self.database = database
        self.ledger = ledger
        self.clock = clock
        self.logger = logger
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await sweep()
                } catch {
                    logger.warning("sweep failed", metadata: ["error": "\(error)"])
                }
                do {
                    try await Task.sleep(for: Self.interval)
                } catch {
                    // A shutdown was asked for.
                    return
                }
            }
        }
    }

    /// Expires all that is overdue now.
    /// - Returns: how many reservations were expired.
    @discardableResult
    public func sweep() async throws -> Int {
        var expired = 0
        while true {
            let now = clock.now()
            let users = try await database.read { connection in
                try connection.query(
                    """
                    SELECT DISTINCT user_id FROM career_usage_logs
                    WHERE status = 'PENDING' AND expires_at <= ? AND commit_accepted_at IS NULL
                    LIMIT \(Self.maximumUsers)
                    """, [.time(now)]
                ).map { row in
                    var reader = row.reader
                    return try reader.uuid()
                }
            }
            var progress = 0
            for user in users {
                progress += try await ledger.perform(SettleAccount(userID: user)).expired
            }
            expired += progress
            if progress == 0 { return expired }
        }
    }
}
