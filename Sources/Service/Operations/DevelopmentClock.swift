import Database
import FoundationEssentials
import LedgerStore
import Synchronization
import Values

/// Wall time and an offset that can be moved: the clock of development. The offset is kept in the
/// database, so that every process shares it. A process looks the offset up before it does
/// something (``freshen()``), and so an idle process does not poll the database.
public final class DevelopmentClock: Sendable {
    /// How long a look at the stored offset counts.
    public static let freshTime = Duration.milliseconds(50)
    /// How long another process may take to notice that the offset was moved: the time that its
    /// last look counts, and the next look.
    public static let spreadTime = Duration.milliseconds(130)
    /// How long ``freshen()`` waits for the database.
    private static let patience = Duration.milliseconds(100)
    private static let pause = Duration.milliseconds(1)
    /// The furthest that one request may move the clock: ten years.
    public static let maximumAdvance: Int64 = 10 * 366 * 86_400
    /// What the clock never reaches: after it there are times enough for what a decision adds.
    public static let latest = Timestamp.last.adding(seconds: -500 * 366 * 86_400)

    /// When the last look began, and whether it is under way.
    private struct Look {
        var began: ContinuousClock.Instant?
        var isUnderWay = false
    }

    private let offsetMicros = Atomic<Int64>(0)
    private let database: any Database
    private let look = Mutex(Look())

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

    /// Takes over the stored offset if the last look at it counts no more. If the database does not
    /// answer in time, the clock goes on with the offset that it has: what needs the database will
    /// say so itself.
    public func freshen() async {
        let (begins, isUnderWay) = beginLook()
        if begins { Task { await self.lookUp() } }
        guard isUnderWay else { return }
        let deadline = ContinuousClock.now + Self.patience
        while look.withLock({ $0.isUnderWay }), ContinuousClock.now < deadline {
            do {
                try await Task.sleep(for: Self.pause)
            } catch {
                return
            }
        }
    }

    /// The same for who needs the database anyway, and waits for it as long as it takes.
    func freshenPatiently() async {
        if beginLook().begins { await lookUp() }
    }

    /// - Returns: whether the caller is to look, and whether a look is under way.
    private func beginLook() -> (begins: Bool, isUnderWay: Bool) {
        look.withLock { look in
            if look.isUnderWay { return (false, true) }
            let now = ContinuousClock.now
            if let began = look.began, now - began < Self.freshTime { return (false, false) }
            look = Look(began: now, isUnderWay: true)
            return (true, true)
        }
    }

    private func lookUp() async {
        do {
            try await refresh()
        } catch {
            // The next look may be luckier.
        }
        look.withLock { $0.isUnderWay = false }
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
