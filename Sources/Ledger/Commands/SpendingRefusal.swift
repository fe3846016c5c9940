import FoundationEssentials
import Values

/// A call would spend more than its user lets themselves spend: what was captured in the window,
/// all that is held now and the price are more than the limit.
public struct SpendingRefusal: Sendable, Hashable {
    public let window: SpendingLimits.Window
    /// Captured in the window, and held now.
    public let used: Credits
    public let limit: Credits
    public let needed: Credits
    /// Seconds until the window is over.
    public let retryAfter: Int64

    public init(
        window: SpendingLimits.Window, used: Credits, limit: Credits, needed: Credits,
        retryAfter: Int64
    ) {
        self.window = window
        self.used = used
        self.limit = limit
        self.needed = needed
        self.retryAfter = retryAfter
    }
}

extension CareerSubscriptionContext {
    /// Of two windows that are full the one that is over later; `nil` if the price may be spent. A
    /// limit of nothing stops calls that cost nothing, too.
    ///
    /// - Parameter freed: what was held and this decision has given back.
    func spendingRefusal(
        of price: Credits, freed: Credits, at now: Timestamp, clock: Timestamp
    ) -> SpendingRefusal? {
        guard let brakes else { return nil }
        let held = brakes.spending.held - freed
        for window in [SpendingLimits.Window.month, .day] {
            guard let limit = brakes.limits[window] else { continue }
            let used = brakes.spending.captured(in: window, at: now) + held
            guard used + price > limit || limit == .zero else { continue }
            let end = window.end(from: window.start(of: now))
            return SpendingRefusal(
                window: window, used: used, limit: limit, needed: price,
                retryAfter: max(1, clock.secondsRoundedUp(until: end)))
        }
        return nil
    }

    /// How much more may be spent now; `nil` if no limit says.
    ///
    /// - Parameter freed: what was held and this decision has given back.
    func spendingRoom(freed: Credits, at now: Timestamp) -> Credits? {
        guard let brakes else { return nil }
        let held = brakes.spending.held - freed
        return SpendingLimits.Window.allCases.compactMap { window in
            brakes.limits[window].map {
                max(.zero, $0 - brakes.spending.captured(in: window, at: now) - held)
            }
        }.min()
    }
}

/// What a user is told when a charge takes what was captured in a window past one of the
/// percentages of its limit that they named.
///
/// What was captured never falls within a window, so one limit's percentage is passed once a
/// window; setting a limit passes nothing by itself.
public struct LimitAlert: Sendable, Hashable {
    public let window: SpendingLimits.Window
    public let percent: Int64
    public let used: Credits
    public let limit: Credits
    /// When the window is over.
    public let until: Timestamp

    /// - Returns: of each limit the highest percentage that lies between the two.
    static func passed(
        from before: SpendingBrakes, to after: SpendingBrakes
    ) -> [LimitAlert] {
        let now = after.spending.countedAt
        return SpendingLimits.Window.allCases.compactMap { window in
            guard let limit = after.limits[window] else { return nil }
            let was = before.spending.captured(in: window, at: now)
            let used = after.spending.captured(in: window)
            let passed = after.limits.alertAt.last {
                !was.isAtLeast(percent: $0, of: limit) && used.isAtLeast(percent: $0, of: limit)
            }
            return passed.map {
                LimitAlert(
                    window: window, percent: $0, used: used, limit: limit,
                    until: window.end(from: window.start(of: now)))
            }
        }
    }
}

extension Credits {
    /// Compared in full width, since a hundred times an amount may not fit.
    func isAtLeast(percent: Int64, of whole: Credits) -> Bool {
        micros.multipliedFullWidth(by: 100) >= whole.micros.multipliedFullWidth(by: percent)
    }
}

extension Decision {
    /// Counts what the decision captures and holds against the limits of its account.
    ///
    /// - Parameter known: the logs as they were.
    /// - Returns: what its user is to be told.
    mutating func countSpending(
        from before: SpendingBrakes?, known: [UUID: UsageLog], at now: Timestamp
    ) -> [LimitAlert] {
        guard var brakes = account?.context.brakes, !logs.isEmpty else { return [] }
        let moved = movement(known)
        brakes.spending.count(captured: moved.captured, held: moved.held, at: now)
        account?.context.brakes = brakes
        guard let before, moved.captured > .zero else { return [] }
        return LimitAlert.passed(from: before, to: brakes)
    }

    /// By how much the decision moves what is captured and what is held.
    func movement(_ known: [UUID: UsageLog]) -> (captured: Credits, held: Credits) {
        var (captured, held) = (Credits.zero, Credits.zero)
        for log in logs {
            let was = known[log.id]
            captured += (log.creditsCharged ?? .zero) - (was?.creditsCharged ?? .zero)
            held += log.creditsHeld - (was?.creditsHeld ?? .zero)
        }
        return (captured, held)
    }
}
