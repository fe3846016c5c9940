import Testing

@Suite(
    "Keys made, limited, rotated and revoked, and the calls by them, decide as a plain model does")
struct KeyedWorldTests {
    @Test("60 seeds of 150 steps meet every kind of answer and no disagreement")
    func agree() throws {
        var met: Set<String> = []
        for seed in UInt64(1)...60 {
            var world = try KeyedWorld(seed: seed)
            for _ in 0..<150 {
                if let disagreement = world.step() {
                    Issue.record("seed \(seed), \(disagreement)")
                    break
                }
            }
            met.formUnion(world.met.keys)
        }
        #expect(
            met == [
                "invalidKey", "foreignKey", "barred", "keyLimitReached", "granted", "finished",
                "mismatch", "outOfCredits", "settled", "refused", "raised", "ended",
            ])
    }
}
