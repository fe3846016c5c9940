/// SplitMix64: the same seed, the same run, on every machine.
package struct SimulationRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(state)
    }

    /// Spreads a number's bits: a stand-in for a random number that only depends on its argument.
    static func mix(_ number: UInt64) -> UInt64 {
        var z = number
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func below(_ bound: Int) -> Int {
        Int(next() % UInt64(max(1, bound)))
    }

    mutating func chance(_ probability: Double) -> Bool {
        Double(next() >> 11) / Double(1 << 53) < probability
    }

    mutating func pick<Element>(_ first: Element, _ others: Element...) -> Element {
        let place = below(others.count + 1)
        return place == 0 ? first : others[place - 1]
    }

    /// A number below `bound`, the small ones hot: `k` is drawn with a weight of `1 / (k + 1)`.
    mutating func zipf(_ bound: Int) -> Int {
        let weights = (1...max(1, bound)).map { 1 / Double($0) }
        return weighted(weights)
    }

    /// An index, drawn with its weight.
    mutating func weighted(_ weights: [Double]) -> Int {
        var rest = Double(next() >> 11) / Double(1 << 53) * weights.reduce(0, +)
        for (index, weight) in weights.enumerated() {
            rest -= weight
            if rest < 0 { return index }
        }
        return weights.count - 1
    }
}
