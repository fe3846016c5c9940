import PageFrame
import Testing
import Values

@Suite("Dates as people read them")
struct SpokenTests {
    private let now = Timestamp(rfc3339: "2026-12-31T22:30:00Z")!

    private func spoken(_ zone: String) throws -> Spoken {
        Spoken(
            words: try Words(language: "en", EmbeddedTemplates.english),
            zone: try #require(ReaderZone(zone)))
    }

    @Test("A zone decides the day, the year and the clock, and each instant says its offset")
    func zones() throws {
        let instant = Timestamp(rfc3339: "2026-12-31T23:05:00Z")!
        let exact = "<time datetime=\"2026-12-31T23:05:00Z\" title=\"2026-12-31 23:05:00 UTC\">"
        #expect(
            try spoken("UTC").instant(instant, now: now) == exact + "31 December, 23:05</time>")
        #expect(
            try spoken("Europe/Berlin").instant(instant, now: now)
                == exact + "1 January 2027, 00:05 (UTC+1)</time>")
        #expect(
            try spoken("America/New_York").day(instant, now: now) == exact + "31 December</time>")
        #expect(
            try spoken("Asia/Tokyo").day(instant, now: now) == exact + "1 January</time>",
            "there it is next year already")
    }
}
