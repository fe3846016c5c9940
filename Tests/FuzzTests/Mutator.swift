/// A generator that gives the same numbers for the same seed, everywhere (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Makes new inputs of good ones: bytes changed, taken out, doubled, swapped, pieces of others put
/// in.
struct Mutator {
    static let maximumLength = 2048
    /// What parsers have stumbled over.
    private static let pieces: [[UInt8]] =
        [
            "\u{0}", "\n", "\r\n", " ", "\"", "\\", "\\u0000", "\\ud800", "{", "}", "[", "]", ",",
            ":",
            "=", "&", "%", "%00", "%zz", "+", "-", ".", "@", "0", "9", "e999", "-0", "1e308",
            "9223372036854775807", "9223372036854775808", "18446744073709551616", "null", "true",
            "\u{301}", "\u{e9}", "\u{212a}", "\u{17f}", "\u{2028}", "\u{1F600}", "\u{661}",
        ].map { Array($0.utf8) } + [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0x80]]

    private var generator: SeededGenerator
    private var corpus: [[UInt8]]

    init(seed: UInt64, corpus: [String]) {
        generator = SeededGenerator(seed: seed)
        self.corpus = corpus.map { Array($0.utf8) }
    }

    mutating func next() -> [UInt8] {
        var input = corpus.randomElement(using: &generator) ?? []
        for _ in 0...Int.random(in: 0..<4, using: &generator) { mutate(&input) }
        return Array(input.prefix(Self.maximumLength))
    }

    private mutating func mutate(_ input: inout [UInt8]) {
        let place = Int.random(in: 0...input.count, using: &generator)
        let end = min(input.count, place + Int.random(in: 0...8, using: &generator))
        switch Int.random(in: 0..<7, using: &generator) {
        case 0: input.insert(.random(in: .min ... .max, using: &generator), at: place)
        case 1: input.removeSubrange(place..<end)
        case 2: input.insert(contentsOf: input[place..<end], at: place)
        case 3:
            input.insert(contentsOf: Self.pieces.randomElement(using: &generator) ?? [], at: place)
        case 4 where place < input.count:
            input[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 5 where place < input.count:
            input.swapAt(place, Int.random(in: 0..<input.count, using: &generator))
        default:
            let other = corpus.randomElement(using: &generator) ?? []
            let from = Int.random(in: 0...other.count, using: &generator)
            input = Array(input[..<place]) + other[from...]
        }
    }
}
