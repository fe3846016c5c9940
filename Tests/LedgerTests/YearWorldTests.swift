import Testing

@Suite("Years that are looked at, used and heard of late decide as a plain model does")
struct YearWorldTests {
    @Test("Random lives meet debts and months that are granted less, and no disagreement")
    func agree() {
        var (met, wrong) = (Set<String>(), [String]())
        for seed in YearHistoryTests.seeds(180) {
            var world = YearWorld(seed: seed)
            if let difference = world.run() { wrong.append("seed \(seed), \(difference)") }
            met.formUnion(world.met)
        }
        #expect(wrong.isEmpty, "\(wrong.count): \(wrong.prefix(3))")
        #expect(met == ["a month begins", "a debt", "withheld"])
    }
}
