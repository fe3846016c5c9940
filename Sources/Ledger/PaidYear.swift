import FoundationEssentials
import Values

/// A year that is paid for at once and granted by the month.
public struct PaidYear: Sendable, Hashable {
    /// Months of a year.
    private static let months: Int64 = 12

    public let invoiceID: String
    public let start: Timestamp
    public let end: Timestamp
    /// The plan by which the running month was granted; what is bought within the month adds to it.
    public internal(set) var planID: UUID
    /// What each coming month is granted less, since money of the year went back: so much of
    /// ``withheldOf``.
    public internal(set) var withheld: Credits
    /// The allocation that ``withheld`` is a share of; `nil`: it is taken of any alike.
    public internal(set) var withheldOf: Credits?

    public init(
        invoiceID: String, start: Timestamp, end: Timestamp, planID: UUID,
        withheld: Credits = .zero, withheldOf: Credits? = nil
    ) {
        self.invoiceID = invoiceID
        self.start = start
        self.end = end
        self.planID = planID
        self.withheld = withheld
        self.withheldOf = withheldOf
    }

    /// The month of the year in which `instant` lies, counted from the year's start: 31 Jan,
    /// 28 Feb, 31 Mar. What lies outside of the year counts as its first or last month.
    package func month(containing instant: Timestamp, number: Int64) -> BillingPeriod {
        let index = index(of: instant)
        return BillingPeriod(
            number: number, start: start.adding(months: index),
            end: index == Self.months - 1 ? end : min(end, start.adding(months: index + 1)),
            source: .paid)
    }

    /// The end of the `count`-th month, the one that `first` is being the first.
    func end(of count: Int64, from first: BillingPeriod) -> Timestamp {
        max(first.end, start.adding(months: index(of: first.start) + count))
    }

    /// What causes the grant of a month. The first that is granted, whichever it is, has the
    /// invoice's name.
    func cause(of month: BillingPeriod) -> String {
        "\(invoiceID) \(index(of: month.start) + 1)"
    }

    /// What a coming month is granted less: the same share of its allocation, whatever the catalog
    /// says by then, rounded up to the hundredth.
    func withheld(of allocation: Credits) -> Credits {
        guard let withheldOf, withheldOf > .zero, allocation != withheldOf else {
            return min(withheld, allocation)
        }
        return allocation.shareRoundedUp(withheld.micros, of: withheldOf.micros)
    }

    private func index(of instant: Timestamp) -> Int64 {
        var index = Self.months - 1
        while index > 0 && start.adding(months: index) > min(instant, end.before) { index -= 1 }
        return index
    }
}

extension Timestamp {
    /// The last instant that is earlier.
    fileprivate var before: Timestamp { Timestamp(clamping: micros - 1) }
}

extension CareerSubscriptionContext {
    /// When what is paid for began: the year of a month of one, else the period.
    public var paidFrom: Timestamp { year?.start ?? period.start }

    /// When what is paid for ends: the year of a month of one, else the period.
    public var paidUntil: Timestamp { year?.end ?? period.end }

    /// Takes over the year that is stored apart.
    public mutating func keepYear(_ year: PaidYear?) { self.year = year }
}
