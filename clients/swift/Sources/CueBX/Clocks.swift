#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Unix time in milliseconds.
func unixMilliseconds() -> Int {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int(now.tv_sec) * 1000 + Int(now.tv_nsec) / 1_000_000
}

/// An id that sorts by the time at which it was made: UUIDv7 (RFC 9562).
func newId() -> String {
    var random = SystemRandomNumberGenerator()
    let head = UInt64(unixMilliseconds()) << 16 | 0x7000 | random.next() & 0xFFF
    let tail = random.next() & (1 << 62 - 1) | 1 << 63
    return uuidText(head, tail)
}

/// A random UUID (version 4).
func randomId() -> String {
    var random = SystemRandomNumberGenerator()
    return uuidText(
        random.next() & ~0xF000 | 0x4000, random.next() & (1 << 62 - 1) | 1 << 63)
}

private func uuidText(_ head: UInt64, _ tail: UInt64) -> String {
    let hex = [head, tail].map { word in
        let text = String(word, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }.joined()
    var text = ""
    for (index, digit) in hex.enumerated() {
        if [8, 12, 16, 20].contains(index) { text.append("-") }
        text.append(digit)
    }
    return text
}

extension Duration {
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}

private let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
]

/// Unix seconds of an HTTP date, e.g. "Mon, 30 Nov 2026 05:47:53 GMT" (RFC 9110 §5.6.7).
func unixSeconds(ofHTTPDate text: String) -> Int? {
    let words = text.split(separator: " ")
    guard words.count == 6, let day = Int(words[1]), let year = Int(words[3]),
        let month = months.firstIndex(of: String(words[2]))
    else { return nil }
    return unixSeconds(year, month + 1, day, time: words[4])
}

/// Unix seconds of an instant of the wire, e.g. "2026-11-30T05:47:53Z"; a fraction is left out.
func unixSeconds(ofWireInstant text: String) -> Int? {
    let parts = text.split(separator: "T")
    guard parts.count == 2 else { return nil }
    let date = parts[0].split(separator: "-").map { Int($0) }
    guard date.count == 3, let year = date[0], let month = date[1], let day = date[2] else {
        return nil
    }
    return unixSeconds(year, month, day, time: parts[1].prefix(8))
}

/// E.g. "2026-11-30T05:47:53Z".
func wireInstant(ofUnixSeconds seconds: Int) -> String {
    var (moment, date) = (time_t(seconds), tm())
    gmtime_r(&moment, &date)
    func digits(_ number: Int32, _ count: Int = 2) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, count - text.count)) + text
    }
    let day = "\(digits(date.tm_year + 1900, 4))-\(digits(date.tm_mon + 1))-\(digits(date.tm_mday))"
    return "\(day)T\(digits(date.tm_hour)):\(digits(date.tm_min)):\(digits(date.tm_sec))Z"
}

private func unixSeconds(_ year: Int, _ month: Int, _ day: Int, time: Substring) -> Int? {
    let parts = time.split(separator: ":").map { Int($0) }
    guard parts.count == 3, let hour = parts[0], let minute = parts[1], let second = parts[2] else {
        return nil
    }
    // Days since 1970-01-01 in the Gregorian calendar, counted in years that begin in March.
    let years = month > 2 ? year : year - 1
    let daysOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    let days = years * 365 + years / 4 - years / 100 + years / 400 + daysOfYear - 719_468
    return ((days * 24 + hour) * 60 + minute) * 60 + second
}
