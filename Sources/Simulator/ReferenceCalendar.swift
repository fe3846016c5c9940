/// The model's own calendar, counted day by day from a table, so that it shares no arithmetic with
/// the code that it judges. Times are microseconds since 1970 in UTC, from 2020 to 2050.
enum ReferenceCalendar {
    static let day: Int64 = 86_400_000_000

    /// Each month's first day as a day number, and its length.
    private static let months: [(year: Int, month: Int, first: Int64, days: Int64)] = {
        var months: [(year: Int, month: Int, first: Int64, days: Int64)] = []
        var first: Int64 = 0
        for year in 1970...2050 {
            let isLeap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0)
            let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            for (month, days) in lengths.enumerated() {
                if year >= 2020 { months.append((year, month, first, days)) }
                first += days
            }
        }
        return months
    }()

    /// Which month of the table the instant lies in.
    private static func place(_ instant: Int64) -> Int {
        let dayNumber = (instant - (instant % day + day) % day) / day
        // A month has 28 to 31 days, so the guess is at most a few months early.
        var place = max(0, Int((dayNumber - months[0].first) / 31))
        while place + 1 < months.count, months[place + 1].first <= dayNumber { place += 1 }
        return place
    }

    /// The end of the `number`-th month after the anchor's: the anchor's day of the month and time
    /// of day, or the month's last day where it is shorter.
    static func boundary(anchor: Int64, months number: Int) -> Int64 {
        let timeOfDay = (anchor % day + day) % day
        let start = place(anchor)
        let dayOfMonth = (anchor - timeOfDay) / day - months[start].first
        let month = months[start + number]
        return (month.first + min(dayOfMonth, month.days - 1)) * day + timeOfDay
    }

    /// The month counted from the anchor in which the instant lies; the first one for an instant
    /// before the anchor.
    static func month(anchor: Int64, containing instant: Int64) -> (start: Int64, end: Int64) {
        var number = 0
        while boundary(anchor: anchor, months: number + 1) <= instant { number += 1 }
        return (
            boundary(anchor: anchor, months: number), boundary(anchor: anchor, months: number + 1)
        )
    }

    /// The first instant of the month in which the instant lies.
    static func startOfMonth(_ instant: Int64) -> Int64 { months[place(instant)].first * day }

    /// The first instant of the month after the one in which the instant lies.
    static func nextMonth(_ instant: Int64) -> Int64 { months[place(instant) + 1].first * day }
}
