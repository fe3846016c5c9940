import Foundation

/// The time zone in which somebody reads dates. Whatever is decided, is decided in UTC.
public struct ReaderZone: Sendable, Equatable {
    /// A name of the IANA time zone database, e.g. `Europe/Berlin`, or `UTC`.
    public let name: String
    private let zone: TimeZone?

    public static let utc = ReaderZone(name: "UTC", zone: nil)

    private init(name: String, zone: TimeZone?) {
        self.name = name
        self.zone = zone
    }

    /// Fails for a name that is not in ``known``.
    public init?(_ name: String) {
        if name == Self.utc.name {
            self = .utc
            return
        }
        guard Self.names.contains(name), let zone = TimeZone(identifier: name) else { return nil }
        self.init(name: name, zone: zone)
    }

    /// What somebody can choose, in the order of the alphabet, UTC first. Abbreviations such as
    /// `EST` and fixed offsets are none: they know no summer time.
    public static let known: [String] =
        [utc.name]
        + TimeZone.knownTimeZoneIdentifiers.filter { name in
            name.contains("/") && !name.hasPrefix("Etc/") && !name.hasPrefix("SystemV/")
        }.sorted()
    private static let names = Set(known)

    /// Seconds that the clocks are ahead of UTC at an instant; negative in the west.
    public func offset(at instant: Timestamp) -> Int64 {
        guard let zone else { return 0 }
        let date = Date(timeIntervalSince1970: Double(instant.seconds))
        return Int64(zone.secondsFromGMT(for: date))
    }

    /// The instant that the clocks show, as if they were clocks of UTC: for calendars alone.
    public func local(_ instant: Timestamp) -> Timestamp {
        instant.adding(seconds: offset(at: instant))
    }

    /// The instant at which the clocks show this, written as if it were in UTC. Of an hour that
    /// they skip it is the one after, of an hour that they show twice the first.
    public func instant(showing local: Timestamp) -> Timestamp {
        // No clock is a day off UTC, so that these are the offsets before and after a change.
        let candidates = [-Self.day, Self.day].map { aside in
            local.adding(seconds: -offset(at: local.adding(seconds: aside)))
        }.sorted()
        return candidates.first { self.local($0) == local } ?? candidates[1]
    }

    private static let day: Int64 = 86_400

    /// E.g. `UTC`, `UTC+1`, `UTC−3:30`: the offset at an instant.
    public func offsetText(at instant: Timestamp) -> String {
        let offset = offset(at: instant)
        guard offset != 0 else { return "UTC" }
        let minutes = abs(offset) / 60
        let rest = minutes % 60
        return (offset < 0 ? "UTC−" : "UTC+") + String(minutes / 60)
            + (rest == 0 ? "" : ":" + (rest < 10 ? "0" : "") + String(rest))
    }
}
