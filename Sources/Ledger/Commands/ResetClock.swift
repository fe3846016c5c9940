import FoundationEssentials
import Values

/// An operator takes an account back that lies in the future, since a process whose clock was ahead
/// decided on it: from now on decisions are made by the clock again. What was granted, used and
/// reserved stays. The history keeps a line of it, with the reason.
public struct ResetClock: LedgerCommand {
    /// The history's word for it.
    public static let event = "clock_reset"

    public let userID: UUID
    public let reason: String

    public init(userID: UUID, reason: String) {
        self.userID = userID
        self.reason = reason
    }

    public var subject: LedgerSubject? { nil }

    public enum Outcome: Sendable, Equatable {
        case noSubscription
        /// The last decision is not later than the clock; nothing has changed.
        case notInTheFuture
        /// - Parameter from: the instant at which the account stood.
        case reset(from: Timestamp, Account)
    }

    public func decide(
        _ position: Position, _ rules: LedgerRules, at now: Timestamp
    ) -> Decision<Outcome> {
        guard var account = position.account else {
            return Decision(.noSubscription, account: nil)
        }
        let clock = position.clock
        let stoodAt = account.context.decidedAt
        guard stoodAt > clock else { return Decision(.notInTheFuture, account: account) }
        account.context.decidedAt = clock
        account.context.minuteWindow = Self.window(account.context.minuteWindow, at: clock)
        account.context.dayWindow = Self.window(account.context.dayWindow, at: clock)
        account.context.testWindows = account.context.testWindows.map {
            TestWindows(
                minute: Self.window($0.minute, at: clock), day: Self.window($0.day, at: clock))
        }
        account.context.brakes?.spending.takeBack(to: clock)
        Self.takeBackMonth(of: &account, to: clock)
        account.subscription.updatedAt = clock
        var decision = Decision<Outcome>(.reset(from: stoodAt, account), account: account)
        decision.history = [
            SubscriptionChange(
                event: Self.event, subscription: account.subscription, at: clock, reason: reason)
        ]
        return decision
    }

    private static func window(_ window: RateWindow, at clock: Timestamp) -> RateWindow {
        let empty = RateWindow(window.span, start: .epoch, count: 0).current(at: clock)
        return window.start > clock ? empty : window.current(at: clock)
    }

    /// A free month, or a month of a paid year, that was begun too early becomes the one in which
    /// the clock stands, with what it was granted and what is used of it: a further one would be
    /// credits for nothing. Another paid period is Stripe's.
    private static func takeBackMonth(of account: inout Account, to clock: Timestamp) {
        let period = account.context.period
        guard clock < period.start else { return }
        if let year = account.context.year {
            account.context.period = year.month(containing: clock, number: period.number)
        }
        guard period.source == .free else { return }
        account.context.anchor = min(account.context.anchor, clock)
        account.context.period = BillingPeriod.month(
            containing: clock, anchor: account.context.anchor, number: period.number)
    }
}
