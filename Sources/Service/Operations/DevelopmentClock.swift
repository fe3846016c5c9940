import Database
import FoundationEssentials
import LedgerStore
import Synchronization
import Values

/// Wall time and an offset that can be moved: the clock of development. The offset is kept in the
/// database, so that every process shares it; each looks it up again a few times a second.
public final class DevelopmentClock: Sendable {
    /// How often each process looks the offset up.
    public static let refreshInterval = Duration.milliseconds(50)
    /// How long another process may take to notice that the offset was moved: a look that began
    /// just before, the pause after it, and the next look.
    public static let spreadTime = Duration.milliseconds(130)
    /// The furthest that one request may move the clock: ten years.
    public static let maximumAdvance: Int64 = 10 * 366 * 86_400
    /// What the clock never reaches: after it there are times enough for what a decision adds.
    public static let latest = Timestamp.last.adding(seconds: -500 * 366 * 86_400)

    private let offsetMicros = Atomic<Int64>(0)
    private let database: any Database

    public init(database: any Database) {
        self.database = database
    }

    public var clock: DecisionClock {
        DecisionClock { [self] in
            let offset = offsetMicros.load(ordering: .relaxed)
            return DecisionClock.wall.now().adding(micros: offset)
        }
    }

    /// Takes over the stored offset.
    public func refresh() async throws {
        try await database.read { [self] in try refresh(in: $0) }
    }

    func refresh(in connection: any DatabaseConnection) throws {
        let stored = try Installation.clockOffset(in: connection)
        // It only grows: a look that began before another's must not take the clock back.
        _ = offsetMicros.max(stored, ordering: .relaxed)
    }

    /// Moves the clock forward for every process on this database.
    ///
    /// - Returns: false where it would go beyond ``latest``; it then stays where it is.
    public func advance(seconds: Int64) async throws -> Bool {
        let wall = DecisionClock.wall.now()
        let isMoved = try await database.write { connection in
            let offset = try Installation.clockOffset(in: connection, locked: true)
            let moved = wall.adding(micros: offset).adding(seconds: seconds)
            guard moved < Self.latest else { return false }
            try Installation.setClockOffset(moved.micros - wall.micros, in: connection)
            return true
        }
        try await refresh()
        return isMoved
    }
}
