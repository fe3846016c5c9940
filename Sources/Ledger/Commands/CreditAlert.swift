import Values

/// What a user is told when a commit takes the running period's credits past a mark.
///
/// A mark is passed by the one commit before which less was used and after which it is reached.
/// What was used never falls within a period, so that happens once a period, unless the period is
/// granted more (an upgrade, an adjustment): what is then below the mark again can pass it again.
/// A period that is granted less passes nothing by that alone.
public struct CreditAlert: Sendable, Hashable {
    public enum Mark: Int64, Sendable, Hashable, CaseIterable {
        case nearlyUsedUp = 80
        case usedUp = 100

        /// Of a hundred parts of what the period was granted.
        public var percent: Int64 { rawValue }
    }

    /// `nil` if no mark was passed.
    public let mark: Mark?
    public let used: Credits
    public let allocated: Credits
    public let period: BillingPeriod
    /// The user's own limits that the charge took past a percentage.
    public internal(set) var limits: [LimitAlert] = []
    /// Whether the charge left less than the mark of the account's automatic top-up.
    public internal(set) var isLow = false

    /// - Returns: the highest mark that lies between the two positions of one period; `nil` where
    ///   there is none.
    init?(from before: CareerSubscriptionContext, to after: CareerSubscriptionContext) {
        let passed = Mark.allCases.last { mark in
            !before.hasReached(mark) && after.hasReached(mark)
        }
        guard let passed, before.period == after.period else { return nil }
        mark = passed
        used = after.used
        allocated = after.allocated
        period = after.period
    }

    /// Tells of a charge's news, and of what an alert tells already.
    init(_ alert: CreditAlert?, _ news: ChargeNews, of context: CareerSubscriptionContext) {
        mark = alert?.mark
        used = context.used
        allocated = context.allocated
        period = context.period
        limits = news.limits
        isLow = news.isLow
    }

    /// Whether the user hears of it.
    public var isForUser: Bool { mark != nil || !limits.isEmpty }
}

/// What follows from a charge besides the marks of the period's credits.
public struct ChargeNews: Sendable, Hashable {
    /// The user's own limits that it took past a percentage.
    public let limits: [LimitAlert]
    /// Whether it left less than the mark of the account's automatic top-up.
    public let isLow: Bool

    var isEmpty: Bool { limits.isEmpty && !isLow }
}

extension CareerSubscriptionContext {
    fileprivate func hasReached(_ mark: CreditAlert.Mark) -> Bool {
        used.isAtLeast(percent: mark.percent, of: allocated)
    }
}
