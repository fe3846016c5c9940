import Foundation
import Testing
import Values

@Suite("Credits, times and ids are exact")
struct ValueTests {
    @Test(
        "Credits read plain decimals and show at least two",
        arguments: [
            ("25", "25.00"), ("1.5", "1.50"), ("-0.000001", "-0.000001"), ("0.10", "0.10"),
            ("1000000000", "1000000000.00"),
        ])
    func creditsRoundTrip(text: String, shown: String) {
        #expect(Credits(decimal: text)?.decimal == shown)
    }

    @Test(
        "Anything else is no amount",
        arguments: [
            "", "-", "1.", ".5", "1e3", "1.0000001", " 1", "1 ", "+1", "1,5", "abc",
            "1000000000.01",
            "99999999999999999999", "١",
        ])
    func noCredits(text: String) {
        #expect(Credits(decimal: text) == nil)
    }

    @Test("A share is rounded down to the hundredth")
    func share() {
        #expect(Credits(decimal: "100")!.share(1, of: 3).decimal == "33.33")
        #expect(Credits(decimal: "1500")!.share(0, of: 30).decimal == "0.00")
        #expect(Credits(decimal: "1500")!.share(30, of: 30).decimal == "1500.00")
        let month: Int64 = 2_678_400_000_000
        #expect(Credits.maximum.share(month - 1, of: month) < Credits.maximum)
    }

    @Test("A cost that is not exact is refused")
    func multiplier() {
        #expect(
            Multiplier(decimal: "1.5")!.applied(to: Credits(decimal: "0.5")!)?.decimal == "0.75")
        #expect(Multiplier(decimal: "0.5")!.applied(to: Credits(clamping: 1)) == nil)
        #expect(Multiplier(decimal: "-1") == nil)
    }

    @Test(
        "A cost is exact up to the largest amount, and refused beyond it",
        arguments: [
            ("1000000000", "1", "1000000000.00"), ("10000000", "1", "10000000.00"),
            ("9223372.036855", "1", "9223372.036855"), ("1000000", "1000", "1000000000.00"),
            ("1000000000", "0.000001", "1000.00"), ("999999999.999999", "1", "999999999.999999"),
            ("1000000000", "1.000001", nil), ("1000000000", "1000", nil),
            ("1000000.000001", "1000", nil), ("999999999.999999", "0.5", nil),
            ("-1", "1", nil), ("0", "1000", "0.00"),
        ] as [(String, String, String?)])
    func costAtTheBounds(cost: String, multiplier: String, product: String?) {
        let applied = Multiplier(decimal: multiplier)!.applied(to: Credits(decimal: cost)!)
        #expect(applied?.decimal == product)
    }

    @Test("No product is too large to be refused")
    func hugeProducts() {
        let most = Multiplier(millionths: 1_000_000_000)!
        #expect(most.applied(to: Credits(clamping: .max)) == nil)
        #expect(most.applied(to: Credits(clamping: .min)) == nil)
        #expect(Multiplier.one.applied(to: Credits(clamping: .max)) == nil)
        #expect(Multiplier(millionths: .max) == nil && Multiplier(millionths: -1) == nil)
    }

    @Test("A time's text is Foundation's over 130 years")
    func calendar() {
        var random = SeededGenerator(seed: 7)
        let format = Date.ISO8601FormatStyle()
        for _ in 0..<2000 {
            let seconds = Int64.random(in: 0..<4_102_444_800, using: &random)
            let date = Date(timeIntervalSince1970: TimeInterval(seconds))
            let stamp = Timestamp(seconds: seconds)!
            #expect(stamp.rfc3339 == date.formatted(format))
            #expect(Timestamp(rfc3339: stamp.rfc3339) == stamp)
        }
    }

    @Test(
        "What is no RFC 3339 time is refused",
        arguments: [
            "", "2026", "2026-13-01", "2026-02-29", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+24:00", "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00.1234567", "2026-01-01T00:00:00.123456xZ",
        ])
    func noTime(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test(
        "Of decimals the first six are kept",
        arguments: [
            ("1", "100000"), ("123456", "123456"), ("1234567", "123456"), ("9999999", "999999"),
            ("123456789123456789123456789", "123456"),
        ])
    func decimals(written: String, kept: String) {
        #expect(
            Timestamp(rfc3339: "2026-01-01T00:00:00.\(written)Z")?.rfc3339
                == "2026-01-01T00:00:00.\(kept)Z")
    }

    @Test("An offset is counted")
    func offset() {
        #expect(
            Timestamp(rfc3339: "2026-01-01T01:30:00.5+01:30")?.rfc3339
                == "2026-01-01T00:00:00.500000Z")
    }

    @Test("Ids of version 7 sort like their instants, to the microsecond")
    func version7() {
        var random = SeededGenerator(seed: 3)
        var last = ""
        for micros in 0..<3000 {
            let id = UUID.version7(
                at: Timestamp(clamping: 1_800_000_000_000_000 + Int64(micros)),
                randomness: random.next())
            #expect(id.text > last && id.text == id.uuidString.lowercased())
            #expect(id.uuid.6 >> 4 == 7 && id.uuid.8 >> 6 == 2)
            let milliseconds = 1_800_000_000_000 + Int64(micros / 1000)
            #expect(id.version7Instant == Timestamp(clamping: milliseconds * 1000))
            last = id.text
        }
        #expect(UUID(text: "00000000-0000-4000-8000-000000000000")?.version7Instant == nil)
    }
}

/// SplitMix64: the same seed, the same run.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
