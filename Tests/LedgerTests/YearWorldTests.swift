import Foundation
import Testing

@Suite("Years that are looked at, used and heard of late decide as a plain model does")
struct YearWorldTests {
    /// Of fixed seeds, and half as many that nobody has tried. `make proof` tries many.
    static let lives =
        ProcessInfo.processInfo.environment["CUEBX_YEARS"].flatMap { UInt64($0) } ?? 120

    @Test("Random lives meet debts and months that are granted less, and no disagreement")
    func agree() {
        let fresh = UInt64.random(in: 1_000_000...UInt64(UInt32.max))
        print("years beside a model of the seeds from \(fresh) on")
        var (met, wrong) = (Set<String>(), [String]())
        for seed in Array(1...Self.lives) + Array(fresh..<fresh + Self.lives / 2) {
            var world = YearWorld(seed: seed)
            if let difference = world.run() { wrong.append("seed \(seed), \(difference)") }
            met.formUnion(world.met)
        }
        #expect(wrong.isEmpty, "\(wrong.count): \(wrong.prefix(3))")
        #expect(met == ["a month begins", "a debt", "withheld"])
    }
}
