import Foundation
import Testing

@Suite("No input breaks a parser's promises")
struct FuzzTests {
    /// Inputs for each target: `make fuzz` runs many more, guided by coverage.
    static let inputs =
        ProcessInfo.processInfo.environment["FUZZ_INPUTS"].flatMap { Int($0) } ?? 20_000

    @Test("by a seed that stays", arguments: FuzzTarget.allCases)
    func fixed(_ target: FuzzTarget) throws {
        try run(target, seed: 20_261_123, inputs: Self.inputs / 2)
    }

    @Test("by a seed that nobody has tried", arguments: FuzzTarget.allCases)
    func fresh(_ target: FuzzTarget) throws {
        let seed = UInt64.random(in: .min ... .max)
        print("fuzz: \(target.rawValue) seed \(seed)")
        try run(target, seed: seed, inputs: Self.inputs / 2)
    }

    private func run(_ target: FuzzTarget, seed: UInt64, inputs: Int) throws {
        for text in target.seeds { try target.run(Array(text.utf8)) }
        var mutator = Mutator(seed: seed, corpus: target.seeds)
        for number in 0..<inputs {
            let input = mutator.next()
            do {
                try target.run(input)
            } catch {
                Issue.record(
                    """
                    \(target.rawValue), seed \(seed), input \(number): \(error)
                    \(input.debugText)
                    """)
                return
            }
        }
    }

    // What fuzzing has found.

    @Test("A time whose offset leads out of the years that can be written is refused")
    func offsetsOutOfRange() throws {
        for text in ["9999-12-31T23:59:59-00:01", "1970-01-01T00:00:00+00:01"] {
            try FuzzTarget.timestamp.run(Array(text.utf8))
        }
    }

    @Test("A cursor with bits after its end, or in another alphabet, is refused")
    func cursorsHaveOneText() throws {
        for text in ["AZ8KfFWreHK7cTwGNRsFax", "AZ8KfFWreHK7cTwGNR+Faw", "AZ8KfFWreHK7cTwGNR/Faw"] {
            try FuzzTarget.cursor.run(Array(text.utf8))
        }
    }
}

extension [UInt8] {
    /// For a report: readable, and exact enough to be pasted into a test.
    fileprivate var debugText: String {
        "\(String(decoding: self, as: UTF8.self).debugDescription) \(self)"
    }
}
