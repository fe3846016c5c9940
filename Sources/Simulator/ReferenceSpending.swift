import FoundationEssentials
import Ledger
import Values

/// The user's own limits, plainly: what was captured is added up from the charges each time.
extension ReferenceModel {
    func limit(_ command: SetSpendingLimits, at now: Int64) -> Answer {
        guard let user = users[command.userID], user.account != nil else { return .noSubscription }
        user.limits = command.limits
        return standing(user, at: now)
    }

    func readLimits(_ id: UUID, at now: Int64) -> Answer {
        guard let user = users[id], user.account != nil else { return .noSubscription }
        return standing(user, at: now)
    }

    private func standing(_ user: User, at now: Int64) -> Answer {
        .limits(
            user.limits, day: Self.captured(by: user, since: now - now % ReferenceCalendar.day),
            month: Self.captured(by: user, since: ReferenceCalendar.startOfMonth(now)))
    }

    private static func captured(by user: User, since start: Int64) -> Int64 {
        user.calls.reduce(0) { sum, call in
            call.charges.reduce(sum) { $1.at >= start ? $0 + $1.micros : $0 }
        }
    }

    /// Captured in the window, and held now by calls of all periods.
    private static func counted(_ user: User, _ isMonth: Bool, at now: Int64) -> Int64 {
        let start =
            isMonth ? ReferenceCalendar.startOfMonth(now) : now - now % ReferenceCalendar.day
        return captured(by: user, since: start)
            + user.calls.reduce(0) { $0 + $1.held(at: now) }
    }

    /// Which limit the price is too much for: the month's before the day's, which is over sooner.
    static func overspent(
        _ user: User, _ price: Int64, at now: Int64, clock: Int64
    ) -> SpendingRefusal? {
        if let month = user.limits.monthly?.micros {
            let used = counted(user, true, at: now)
            if used + price > month || month == 0 {
                return SpendingRefusal(
                    window: .month, used: Credits(clamping: used),
                    limit: Credits(clamping: month), needed: Credits(clamping: price),
                    retryAfter: seconds(from: clock, to: ReferenceCalendar.nextMonth(now)))
            }
        }
        if let day = user.limits.daily?.micros {
            let used = counted(user, false, at: now)
            if used + price > day || day == 0 {
                let midnight = now - now % ReferenceCalendar.day + ReferenceCalendar.day
                return SpendingRefusal(
                    window: .day, used: Credits(clamping: used), limit: Credits(clamping: day),
                    needed: Credits(clamping: price),
                    retryAfter: seconds(from: clock, to: midnight))
            }
        }
        return nil
    }

    /// What the limits leave to be spent.
    static func room(_ user: User, at now: Int64) -> Int64 {
        let day = user.limits.daily.map { $0.micros - counted(user, false, at: now) }
        let month = user.limits.monthly.map { $0.micros - counted(user, true, at: now) }
        return max(0, min(day ?? .max, month ?? .max))
    }
}
