/// An instant in UTC as microseconds since 1970-01-01T00:00:00Z, without leap seconds. It is what
/// both databases store, so a value read back equals the value written.
///
/// An instant lies in the years 1970 to 9999. A number from outside that names another is no
/// instant, and arithmetic stops at the first and at the last one: no number can make it trap.
public struct Timestamp: Sendable, Hashable, Comparable {
    public static let microsPerSecond: Int64 = 1_000_000
    /// The instants there are, in whole seconds: from 1970 to 9999-12-31T23:59:59Z.
    public static let rangeOfSeconds: ClosedRange<Int64> = 0...253_402_300_799
    /// The instants there are, in microseconds.
    public static let range: ClosedRange<Int64> = 0...253_402_300_799_999_999

    /// 1970-01-01T00:00:00Z.
    public static let epoch = Timestamp(clamping: 0)
    /// The last microsecond of the year 9999.
    public static let last = Timestamp(clamping: range.upperBound)

    public let micros: Int64

    /// Fails for a number that is no instant of the years 1970 to 9999.
    public init?(micros: Int64) {
        guard Timestamp.range.contains(micros) else { return nil }
        self.micros = micros
    }

    /// Fails for a number that is no instant of the years 1970 to 9999.
    public init?(seconds: Int64) {
        guard Timestamp.rangeOfSeconds.contains(seconds) else { return nil }
        self.micros = seconds * Timestamp.microsPerSecond
    }

    /// The nearest instant there is: for the reading of a clock and for what was computed.
    public init(clamping micros: Int64) {
        self.micros = min(max(micros, Timestamp.range.lowerBound), Timestamp.range.upperBound)
    }

    /// Whole seconds since the epoch.
    public var seconds: Int64 { micros / Timestamp.microsPerSecond }

    /// That many seconds later, or the first or last instant where there is none.
    public func adding(seconds: Int64) -> Timestamp {
        let (span, isTooLong) = seconds.multipliedReportingOverflow(by: Timestamp.microsPerSecond)
        return adding(micros: isTooLong ? (seconds < 0 ? .min : .max) : span)
    }

    /// That many microseconds later, or the first or last instant where there is none.
    public func adding(micros span: Int64) -> Timestamp {
        let (sum, isBeyond) = micros.addingReportingOverflow(span)
        return Timestamp(clamping: isBeyond ? (span < 0 ? .min : .max) : sum)
    }

    /// The whole seconds from this instant to the other, rounded up: what `Retry-After` tells, so
    /// that a client that waits them out is not early.
    public func secondsRoundedUp(until other: Timestamp) -> Int64 {
        -Civil.floorDivide(micros - other.micros, Timestamp.microsPerSecond)
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.micros < right.micros }

    /// The text of RFC 3339 in UTC, with six decimals where the instant is not a whole second.
    public var rfc3339: String {
        let date = Civil.date(ofDay: Civil.floorDivide(seconds, Civil.secondsPerDay))
        let secondOfDay = seconds - Civil.floorDivide(seconds, Civil.secondsPerDay) * 86_400
        let fraction = micros - seconds * Timestamp.microsPerSecond
        return String(unsafeUninitializedCapacity: 27) { buffer in
            var text = DigitWriter(buffer: buffer)
            text.append(date.year, digits: 4, then: "-")
            text.append(date.month, digits: 2, then: "-")
            text.append(date.day, digits: 2, then: "T")
            text.append(secondOfDay / 3600, digits: 2, then: ":")
            text.append(secondOfDay / 60 % 60, digits: 2, then: ":")
            text.append(secondOfDay % 60, digits: 2, then: fraction == 0 ? "Z" : ".")
            if fraction != 0 { text.append(fraction, digits: 6, then: "Z") }
            return text.count
        }
    }

    private struct DigitWriter {
        let buffer: UnsafeMutableBufferPointer<UInt8>
        var count = 0

        mutating func append(_ value: Int64, digits: Int, then separator: Unicode.Scalar) {
            var rest = value
            for place in stride(from: count + digits - 1, through: count, by: -1) {
                buffer[place] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            }
            count += digits
            buffer[count] = UInt8(ascii: separator)
            count += 1
        }
    }

    /// Reads an RFC 3339 date-time (any offset, decimals beyond the sixth cut off) or a plain date,
    /// which is its first instant in UTC. Years 1970 to 9999.
    public init?(rfc3339 text: String) {
        let bytes = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= bytes.count,
                bytes[range].allSatisfy({ (48...57).contains($0) })
            else { return nil }
            return bytes[range].reduce(0) { $0 * 10 + Int64($1 - 48) }
        }
        func has(_ separators: String, at index: Int) -> Bool {
            bytes.indices.contains(index) && separators.utf8.contains(bytes[index])
        }
        guard let year = number(0..<4), has("-", at: 4), let month = number(5..<7),
            has("-", at: 7), let day = number(8..<10), (1970...9999).contains(year),
            (1...12).contains(month),
            (1...Civil.daysInMonth(year: year, month: month)).contains(day)
        else { return nil }
        let midnight = Civil.day(of: Civil.Date(year: year, month: month, day: day)) * 86_400
        if bytes.count == 10 {
            self.init(seconds: midnight)
            return
        }
        guard has("Tt", at: 10), let hour = number(11..<13), has(":", at: 13),
            let minute = number(14..<16), has(":", at: 16), let second = number(17..<19),
            hour < 24, minute < 60, second < 60
        else { return nil }
        var rest = bytes[19...]
        var fraction: Int64 = 0
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix { (48...57).contains($0) }
            guard !digits.isEmpty else { return nil }
            let kept = digits.prefix(6)
            fraction = kept.reduce(0) { $0 * 10 + Int64($1 - 48) }
            for _ in kept.count..<6 { fraction *= 10 }
            rest = rest.dropFirst(1 + digits.count)
        }
        guard let offset = Timestamp.offset(rest.map { $0 }) else { return nil }
        let seconds = midnight + hour * 3600 + minute * 60 + second - offset
        // An offset may lead out of the years that can be written.
        guard Timestamp.rangeOfSeconds.contains(seconds) else { return nil }
        self.init(clamping: seconds * Timestamp.microsPerSecond + fraction)
    }

    /// The seconds east of UTC that `Z`, `+hh:mm` or `-hh:mm` names.
    private static func offset(_ text: [UInt8]) -> Int64? {
        if text == [UInt8(ascii: "Z")] || text == [UInt8(ascii: "z")] { return 0 }
        guard text.count == 6, text[3] == UInt8(ascii: ":"),
            [text[1], text[2], text[4], text[5]].allSatisfy({ (48...57).contains($0) })
        else { return nil }
        let hours = Int64(text[1] - 48) * 10 + Int64(text[2] - 48)
        let minutes = Int64(text[4] - 48) * 10 + Int64(text[5] - 48)
        guard hours < 24, minutes < 60 else { return nil }
        switch text[0] {
        case UInt8(ascii: "+"): return hours * 3600 + minutes * 60
        case UInt8(ascii: "-"): return -(hours * 3600 + minutes * 60)
        default: return nil
        }
    }
}

/// The proleptic Gregorian calendar in UTC, as pure arithmetic on day numbers (day 0 is
/// 1970-01-01). A test holds it against Foundation's calendar.
package enum Civil {
    package static let secondsPerDay: Int64 = 86_400

    package struct Date: Equatable {
        package var year: Int64
        package var month: Int64
        package var day: Int64
    }

    package static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }

    static func isLeap(_ year: Int64) -> Bool {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }

    package static func daysInMonth(year: Int64, month: Int64) -> Int64 {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: isLeap(year) ? 29 : 28
        default: 31
        }
    }

    /// Counts from 1 March, so that the leap day is the last day of a year: the months' lengths
    /// then follow one linear formula.
    package static func day(of date: Date) -> Int64 {
        let year = date.month > 2 ? date.year : date.year - 1
        let monthFromMarch = (date.month + 9) % 12
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + date.day - 1
        let leapDays = floorDivide(year, 4) - floorDivide(year, 100) + floorDivide(year, 400)
        return year * 365 + leapDays + dayOfYear - 719_468
    }

    package static func date(ofDay day: Int64) -> Date {
        let shifted = day + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let leaps = dayOfEra / 1460 - dayOfEra / 36_524 + dayOfEra / 146_096
        let yearOfEra = (dayOfEra - leaps) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return Date(
            year: era * 400 + yearOfEra + (month <= 2 ? 1 : 0),
            month: month,
            day: dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }
}
