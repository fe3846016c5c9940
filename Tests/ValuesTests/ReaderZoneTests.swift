import Testing
import Values

@Suite("Time zones of readers")
struct ReaderZoneTests {
    @Test("Clocks are ahead in summer by more than in winter, and each offset is told")
    func berlin() throws {
        let berlin = try #require(ReaderZone("Europe/Berlin"))
        let winter = try #require(Timestamp(rfc3339: "2026-01-04T12:30:00Z"))
        let summer = try #require(Timestamp(rfc3339: "2026-07-04T12:30:00Z"))
        #expect(berlin.local(winter).rfc3339 == "2026-01-04T13:30:00Z")
        #expect(berlin.local(summer).rfc3339 == "2026-07-04T14:30:00Z")
        #expect(berlin.offsetText(at: winter) == "UTC+1")
        #expect(berlin.offsetText(at: summer) == "UTC+2")
    }

    @Test("Offsets west of Greenwich and of less than an hour are told")
    func odd() throws {
        let at = try #require(Timestamp(rfc3339: "2026-01-04T12:30:00Z"))
        #expect(try #require(ReaderZone("America/St_Johns")).offsetText(at: at) == "UTC−3:30")
        #expect(try #require(ReaderZone("Asia/Kathmandu")).offsetText(at: at) == "UTC+5:45")
        #expect(ReaderZone.utc.offsetText(at: at) == "UTC")
    }

    @Test(
        "A day begins when the clocks show midnight; an hour that they skip is the next"
    )
    func midnight() throws {
        let berlin = try #require(ReaderZone("Europe/Berlin"))
        func instant(_ local: String) throws -> String {
            berlin.instant(showing: try #require(Timestamp(rfc3339: local))).rfc3339
        }
        #expect(try instant("2026-01-04T00:00:00Z") == "2026-01-03T23:00:00Z")
        #expect(try instant("2026-07-04T00:00:00Z") == "2026-07-03T22:00:00Z")
        // From 2 to 3 o'clock the clocks are put forward on this day.
        #expect(
            try ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"].contains(
                instant("2026-03-29T02:30:00Z")))
    }

    @Test(
        "Where the clocks skip a time its instant is after, where they show it twice the first",
        arguments: [
            ("America/Santiago", "2026-09-06T00:00:00Z", "2026-09-06T04:00:00Z"),
            ("America/Santiago", "2026-09-06T00:30:00Z", "2026-09-06T04:30:00Z"),
            ("America/Santiago", "2026-09-05T00:00:00Z", "2026-09-05T04:00:00Z"),
            ("America/Santiago", "2026-09-07T00:00:00Z", "2026-09-07T03:00:00Z"),
            ("America/Havana", "2026-03-08T00:00:00Z", "2026-03-08T05:00:00Z"),
            ("America/Havana", "2026-11-01T00:00:00Z", "2026-11-01T04:00:00Z"),
            ("Asia/Beirut", "2026-03-29T00:00:00Z", "2026-03-28T22:00:00Z"),
            ("Europe/Berlin", "2026-03-29T02:30:00Z", "2026-03-29T01:30:00Z"),
            ("Europe/Berlin", "2026-10-25T02:30:00Z", "2026-10-25T00:30:00Z"),
            // Half an hour, and a whole day.
            ("Australia/Lord_Howe", "2026-10-04T02:15:00Z", "2026-10-03T15:45:00Z"),
            ("Pacific/Apia", "2011-12-30T12:00:00Z", "2011-12-30T22:00:00Z"),
        ])
    func changes(name: String, local: String, instant: String) throws {
        let zone = try #require(ReaderZone(name))
        let found = zone.instant(showing: try #require(Timestamp(rfc3339: local)))
        #expect(found.rfc3339 == instant)
    }

    @Test("What the clocks of a zone show leads back to an instant at which they show it")
    func back() throws {
        let first = try #require(Timestamp(rfc3339: "2026-01-01T00:00:00Z"))
        for zone in ReaderZone.known.compactMap({ ReaderZone($0) }) {
            for day: Int64 in 0..<365 {
                let local = zone.local(first.adding(seconds: day * 86_400))
                #expect(zone.local(zone.instant(showing: local)) == local, "\(zone.name)")
            }
        }
    }

    @Test(
        "What is no name of a zone is none",
        arguments: [
            "", "utc", "Mars/Olympus", "EST", "Etc/GMT+5", "GMT+0200", "../../etc/passwd",
            "Europe/Berlin\0", " Europe/Berlin",
        ])
    func unknown(name: String) {
        #expect(ReaderZone(name) == nil)
    }

    @Test("Every zone that can be chosen is one, the first UTC")
    func known() {
        #expect(ReaderZone.known.first == "UTC" && ReaderZone.known.count > 300)
        #expect(ReaderZone.known.allSatisfy { ReaderZone($0) != nil })
    }
}
