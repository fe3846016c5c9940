import FoundationEssentials
import Values

/// The brakes that users put on themselves: how many credits may be captured in a UTC day and in a
/// UTC calendar month.
public struct SpendingLimits: Sendable, Hashable {
    public enum Window: String, Sendable, Hashable, CaseIterable {
        case day
        case month
    }

    /// The percentages at which users who name none are told.
    public static let usualAlerts: [Int64] = [50, 80, 100]
    /// What an account has that was never limited.
    public static let none = SpendingLimits(daily: nil, monthly: nil)

    public let daily: Credits?
    public let monthly: Credits?
    /// The percentages of a limit at which its user is told that they are reached: 1 to 100,
    /// ascending, each once.
    public let alertAt: [Int64]

    public init(daily: Credits?, monthly: Credits?, alertAt: [Int64] = usualAlerts) {
        self.daily = daily
        self.monthly = monthly
        self.alertAt = Set(alertAt).sorted()
    }

    public subscript(window: Window) -> Credits? { window == .day ? daily : monthly }
}

extension SpendingLimits.Window {
    /// When the window begins in which the instant lies.
    public func start(of instant: Timestamp) -> Timestamp {
        let day = Civil.floorDivide(instant.seconds, Civil.secondsPerDay)
        if self == .day { return Timestamp.epoch.adding(seconds: day * Civil.secondsPerDay) }
        var date = Civil.date(ofDay: day)
        date.day = 1
        return Timestamp.epoch.adding(seconds: Civil.day(of: date) * Civil.secondsPerDay)
    }

    /// When the window is over that begins at `start`.
    public func end(from start: Timestamp) -> Timestamp {
        self == .day ? start.adding(seconds: Civil.secondsPerDay) : start.adding(months: 1)
    }
}

/// What counts against the limits of an account that has none yet, added up on a snapshot while
/// nobody waits, and by what the account is known to have captured and held nothing since.
public struct CountedSpending: Sendable, Hashable {
    /// Sums of an account's rows (a version stamp): whatever captures, holds or releases credits
    /// changes one of them for good. What was captured of the running pool and of grants only grows
    /// within a period, and holds on former pools only shrink.
    public struct Mark: Sendable, Hashable {
        let sums: [Int64]

        public init(_ sums: [Int64]) {
            self.sums = sums
        }
    }

    public let spending: Spending
    public let mark: Mark

    public init(_ spending: Spending, at mark: Mark) {
        self.spending = spending
        self.mark = mark
    }
}

/// What counts against an account's limits. It is kept of accounts that have some, and added up
/// from their rows when the first one is set.
public struct Spending: Sendable, Hashable {
    /// No later than the account's last decision: the windows are those in which this instant lies.
    public private(set) var countedAt: Timestamp
    private var today: Credits
    private var thisMonth: Credits
    /// What is held now by the logs of all periods.
    public private(set) var held: Credits

    /// - Parameters:
    ///   - today: what was captured since the day began in which `countedAt` lies.
    ///   - thisMonth: the same of the month.
    public init(countedAt: Timestamp, today: Credits, thisMonth: Credits, held: Credits) {
        self.countedAt = countedAt
        self.today = today
        self.thisMonth = thisMonth
        self.held = held
    }

    /// Of an account that has just been made.
    init(since instant: Timestamp) {
        self.init(countedAt: instant, today: .zero, thisMonth: .zero, held: .zero)
    }

    /// What was captured in the window in which `now` lies.
    public func captured(in window: SpendingLimits.Window, at now: Timestamp) -> Credits {
        guard window.start(of: now) <= window.start(of: countedAt) else { return .zero }
        return window == .day ? today : thisMonth
    }

    /// What was captured in the window that is counted.
    public func captured(in window: SpendingLimits.Window) -> Credits {
        captured(in: window, at: countedAt)
    }

    mutating func count(captured: Credits, held change: Credits, at now: Timestamp) {
        held += change
        guard captured > .zero else { return }
        today = self.captured(in: .day, at: now) + captured
        thisMonth = self.captured(in: .month, at: now) + captured
        countedAt = max(countedAt, now)
    }

    /// The account is taken back to this instant: what was counted later counts now.
    mutating func takeBack(to clock: Timestamp) { countedAt = min(countedAt, clock) }
}

/// An account's limits and what counts against them.
public struct SpendingBrakes: Sendable, Hashable {
    public let limits: SpendingLimits
    public internal(set) var spending: Spending

    public init(limits: SpendingLimits, spending: Spending) {
        self.limits = limits
        self.spending = spending
    }
}

extension Spending {
    /// What counts, added up from all rows of an account.
    ///
    /// - Parameter instant: no earlier than anything of them.
    public init(of logs: some Sequence<UsageLog>, _ steps: [HoldStep], at instant: Timestamp) {
        var spending = Spending(since: .epoch)
        var parts: [(at: Timestamp, credits: Credits)] = []
        var captured: [UUID: Credits] = [:]
        for step in steps where step.key.kind == .capture {
            parts.append((step.at, step.credits))
            captured[step.key.usageID, default: .zero] += step.credits
        }
        for log in logs {
            spending.held += log.creditsHeld
            guard log.status == .success, let at = log.committedAt else { continue }
            let before = captured[log.id] ?? .zero
            parts.append((at, (log.creditsCharged ?? .zero) - before))
        }
        for part in parts.sorted(by: { $0.at < $1.at }) {
            spending.count(captured: part.credits, held: .zero, at: part.at)
        }
        self.init(
            countedAt: instant, today: spending.captured(in: .day, at: instant),
            thisMonth: spending.captured(in: .month, at: instant), held: spending.held)
    }
}
