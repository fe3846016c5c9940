/// Calendar arithmetic on Unix seconds, in UTC.
package enum CalendarDates {
    package static let secondsPerDay: Int64 = 86_400

    package struct Day: Equatable {
        package var year: Int64
        package var month: Int64
        package var day: Int64

        package init(year: Int64, month: Int64, day: Int64) {
            self.year = year
            self.month = month
            self.day = day
        }
    }

    /// The day on which a second falls (the proleptic Gregorian calendar).
    package static func day(of seconds: Int64) -> Day {
        // Counted in eras of 400 years that begin on 1 March, so that leap days come last.
        let days = floorDivide(seconds, secondsPerDay) + 719_468
        let era = floorDivide(days, 146_097)
        let dayOfEra = days - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return Day(
            year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month: month,
            day: dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    /// The first second of a day.
    package static func seconds(of day: Day) -> Int64 {
        let year = day.month <= 2 ? day.year - 1 : day.year
        let era = floorDivide(year, 400)
        let yearOfEra = year - era * 400
        let shiftedMonth = day.month > 2 ? day.month - 3 : day.month + 9
        let dayOfYear = (153 * shiftedMonth + 2) / 5 + day.day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return (era * 146_097 + dayOfEra - 719_468) * secondsPerDay
    }

    package static func daysInMonth(year: Int64, month: Int64) -> Int64 {
        let next =
            month == 12
            ? Day(year: year + 1, month: 1, day: 1) : Day(year: year, month: month + 1, day: 1)
        let first = seconds(of: Day(year: year, month: month, day: 1))
        return (seconds(of: next) - first) / secondsPerDay
    }

    /// Adds months to the anchor itself, so that 31 January leads to 28 February and then to
    /// 31 March (docs.stripe.com/billing/subscriptions/billing-cycle).
    package static func adding(months: Int64, to anchor: Int64) -> Int64 {
        let start = day(of: anchor)
        let index = start.year * 12 + start.month - 1 + months
        let year = floorDivide(index, 12)
        let month = index - year * 12 + 1
        let clamped = min(start.day, daysInMonth(year: year, month: month))
        let timeOfDay = anchor - seconds(of: start)
        return seconds(of: Day(year: year, month: month, day: clamped)) + timeOfDay
    }

    /// "11 Jan 2026", as the descriptions of invoice lines have it.
    static func spoken(_ seconds: Int64) -> String {
        let names = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let day = day(of: seconds)
        return "\(day.day) \(names[Int(day.month) - 1]) \(day.year)"
    }

    static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        let quotient = value / divisor
        return value % divisor < 0 ? quotient - 1 : quotient
    }
}

/// How often a price is charged: every `count` days, weeks, months or years.
package struct BillingInterval: Equatable {
    package enum Unit: String { case day, week, month, year }

    var unit: Unit
    var count: Int64

    package init(unit: Unit, count: Int64) {
        self.unit = unit
        self.count = count
    }

    /// The cycle in which a second lies. Boundaries are counted from the anchor, in both
    /// directions.
    package func cycle(containing time: Int64, anchor: Int64) -> (start: Int64, end: Int64) {
        switch unit {
        case .day, .week:
            let step = count * (unit == .week ? 7 : 1) * CalendarDates.secondsPerDay
            let start = anchor + CalendarDates.floorDivide(time - anchor, step) * step
            return (start, start + step)
        case .month, .year:
            let step = count * (unit == .year ? 12 : 1)
            // A month has 28 to 31 days: counted so, the first guess is never too late.
            let days: Int64 = time < anchor ? 28 : 31
            var steps = CalendarDates.floorDivide(
                time - anchor, step * days * CalendarDates.secondsPerDay)
            while CalendarDates.adding(months: (steps + 1) * step, to: anchor) <= time {
                steps += 1
            }
            return (
                CalendarDates.adding(months: steps * step, to: anchor),
                CalendarDates.adding(months: (steps + 1) * step, to: anchor)
            )
        }
    }

    /// Whether both can be items of one subscription: one is a multiple of the other
    /// (docs.stripe.com/billing/subscriptions/mixed-interval).
    func fits(_ other: BillingInterval) -> Bool {
        guard isCalendar == other.isCalendar else { return false }
        let lengths = [length, other.length].sorted()
        return lengths[1] % lengths[0] == 0
    }

    func isShorter(than other: BillingInterval) -> Bool {
        let days = { (interval: BillingInterval) in
            interval.length * (interval.isCalendar ? 30 : 1)
        }
        return days(self) < days(other)
    }

    private var isCalendar: Bool { unit == .month || unit == .year }

    /// In months or in days.
    private var length: Int64 {
        switch unit {
        case .day, .month: count
        case .week: count * 7
        case .year: count * 12
        }
    }

    /// The first boundary after `time`, counted from the anchor (which is a boundary itself).
    package func boundary(after time: Int64, anchor: Int64) -> Int64 {
        guard anchor <= time else { return anchor }
        switch unit {
        case .day, .week:
            let step = count * (unit == .week ? 7 : 1) * CalendarDates.secondsPerDay
            return anchor + ((time - anchor) / step + 1) * step
        case .month, .year:
            let step = count * (unit == .year ? 12 : 1)
            // A month has at most 31 days, so this count never overshoots.
            var steps = (time - anchor) / (step * 31 * CalendarDates.secondsPerDay)
            while CalendarDates.adding(months: steps * step, to: anchor) <= time { steps += 1 }
            return CalendarDates.adding(months: steps * step, to: anchor)
        }
    }
}
