import Values

/// The span in which a grant of credits counts: half-open, in UTC. An account numbers its periods
/// from 1; a usage log and a grant belong to one number for good.
public struct BillingPeriod: Sendable, Hashable {
    /// What starts and ends the period.
    public enum Source: String, Sendable, Hashable {
        /// A month of the Free plan, counted from the account's anchor; the next one starts by
        /// itself, at the first decision after the boundary.
        case free
        /// A period of a Stripe subscription; the next one starts when its invoice is paid.
        case paid
    }

    public let number: Int64
    public let start: Timestamp
    public let end: Timestamp
    public let source: Source

    public init(number: Int64, start: Timestamp, end: Timestamp, source: Source) {
        self.number = number
        self.start = start
        self.end = end
        self.source = source
    }

    public func contains(_ instant: Timestamp) -> Bool { start <= instant && instant < end }

    /// The month of the series that starts at `anchor` in which `instant` lies. An instant before
    /// the anchor counts as the anchor itself.
    ///
    /// Each boundary is computed from the anchor, never from the boundary before it, so that the
    /// anchor's day survives short months: 31 Jan, 28 Feb, 31 Mar.
    public static func month(
        containing instant: Timestamp, anchor: Timestamp, number: Int64
    ) -> BillingPeriod {
        var months = max(0, monthsBetween(anchor, instant))
        while months > 0 && anchor.adding(months: months) > instant { months -= 1 }
        return BillingPeriod(
            number: number,
            start: anchor.adding(months: months),
            end: anchor.adding(months: months + 1),
            source: .free)
    }

    /// The difference of the calendar months, whatever their days.
    private static func monthsBetween(_ first: Timestamp, _ second: Timestamp) -> Int64 {
        let from = Civil.date(ofDay: Civil.floorDivide(first.seconds, Civil.secondsPerDay))
        let to = Civil.date(ofDay: Civil.floorDivide(second.seconds, Civil.secondsPerDay))
        return (to.year - from.year) * 12 + to.month - from.month
    }
}

extension Timestamp {
    /// The same time of day that many calendar months later, on the same day of the month or, in
    /// a shorter month, on its last day; the first or last instant where there is none.
    public func adding(months: Int64) -> Timestamp {
        let day = Civil.floorDivide(seconds, Civil.secondsPerDay)
        let timeOfDay = micros - day * Civil.secondsPerDay * Timestamp.microsPerSecond
        var date = Civil.date(ofDay: day)
        // No two instants are further apart than that.
        let span = min(max(months, -120_000), 120_000)
        let month = date.year * 12 + (date.month - 1) + span
        date.year = Civil.floorDivide(month, 12)
        date.month = month - date.year * 12 + 1
        date.day = min(date.day, Civil.daysInMonth(year: date.year, month: date.month))
        let midnight = Civil.day(of: date) * Civil.secondsPerDay * Timestamp.microsPerSecond
        return Timestamp(clamping: midnight + timeOfDay)
    }
}
