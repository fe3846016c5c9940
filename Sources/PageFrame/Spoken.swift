import Values

/// Times and amounts as a person reads them.
package struct Spoken: Sendable {
    package let words: Words
    let zone: ReaderZone

    /// - Parameter zone: in which dates are told.
    package init(words: Words, zone: ReaderZone = .utc) {
        self.words = words
        self.zone = zone
    }

    /// A day such as "4 January", with its year where that is another than now's. The exact instant
    /// stands in the `<time>`, in UTC.
    package func day(_ instant: Timestamp, now: Timestamp) -> String {
        time(instant, dayText(instant, now: now))
    }

    /// A day and a time of day; outside UTC with the clocks' offset.
    package func instant(_ instant: Timestamp, now: Timestamp) -> String {
        let text = words.html(
            zone == .utc ? "time.instant" : "time.instant.zone",
            [
                "date": dayText(instant, now: now), "clock": clock(instant),
                "offset": zone.offsetText(at: instant),
            ])
        return time(instant, text)
    }

    private func time(_ instant: Timestamp, _ text: String) -> String {
        let whole = Timestamp(seconds: instant.seconds) ?? instant
        let exact = whole.rfc3339.replacing("T", with: " ").replacing("Z", with: " UTC")
        return "<time datetime=\"\(whole.rfc3339)\" title=\"\(exact)\">\(text)</time>"
    }

    private func dayText(_ instant: Timestamp, now: Timestamp) -> String {
        let (date, today) = (date(instant), date(now))
        return words.html(
            date.year == today.year ? "time.day" : "time.day.year",
            [
                "day": String(date.day), "month": words.html("month.\(date.month)"),
                "year": String(date.year),
            ])
    }

    private func clock(_ instant: Timestamp) -> String {
        String(zone.local(instant).rfc3339.dropFirst(11).prefix(5))
    }

    private func date(_ instant: Timestamp) -> Civil.Date {
        Civil.date(ofDay: Civil.floorDivide(zone.local(instant).seconds, Civil.secondsPerDay))
    }
}

extension Credits {
    /// With at least two decimals and a comma at each thousand.
    package var spoken: String {
        let text = decimal
        let sign = text.hasPrefix("-") ? "−" : ""
        let parts = text.drop { $0 == "-" }.split(separator: ".")
        var whole = ""
        for (place, digit) in (parts.first ?? "").reversed().enumerated() {
            if place > 0 && place % 3 == 0 { whole.append(",") }
            whole.append(digit)
        }
        return sign + String(whole.reversed()) + "." + (parts.last ?? "00")
    }
}
