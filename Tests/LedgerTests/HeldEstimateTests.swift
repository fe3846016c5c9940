import Foundation
import Ledger
import Testing
import Values

@Suite("What is held for a call is the most that it can cost by what was announced")
struct HeldEstimateTests {
    private static let price = TokenPrice(
        model: "m*", input: Credits(decimal: "10")!, cachedInput: Credits(decimal: "1"),
        output: Credits(decimal: "40")!, reasoning: Credits(decimal: "60"))
    private static let feature = FeatureCostConfig(
        featureKey: "chat", productType: "career", internalCost: Credits(decimal: "0.5")!,
        tokenPrices: [price], defaultHold: Credits(decimal: "2"))
    private static let terms = CallTerms(
        feature: feature, multiplier: Multiplier(decimal: "1.5")!)

    private static func announced(
        _ model: String?, input: Int64? = nil, chars: Int64? = nil, output: Int64?
    ) -> AnnouncedUsage {
        AnnouncedUsage(
            model: model, inputTokens: input, inputChars: chars, maxOutputTokens: output)
    }

    @Test(
        "Input is held too, by its tokens or else its characters, and output by its dearer price",
        arguments: [
            (announced("m1", input: 100_000, output: 0), "1.50"),
            // Output is held as reasoning, which costs more; input together with it.
            (announced("m1", input: 100_000, output: 100_000), "10.50"),
            (announced("m1", chars: 300_000, output: 0), "1.50"),
            (announced("m1", chars: 300_001, output: 0), "1.500015"),
            (announced("m1", chars: 300_003, output: 0), "1.500015"),
            // Tokens that were counted say more than characters.
            (announced("m1", input: 200_000, chars: 3, output: 0), "3.00"),
            // The minimum.
            (announced("m1", input: 0, output: 0), "0.75"),
        ])
    func announcedInFull(usage: AnnouncedUsage, held: String) {
        #expect(Self.terms.held(for: usage)?.decimal == held)
    }

    @Test(
        "What announces too little is held by the default, never by nothing",
        arguments: [
            announced(nil, output: nil), announced(nil, input: 5, output: 5),
            announced("other", input: 5, output: 5), announced("m1", output: 5),
            announced("m1", input: 5, output: nil), announced("m1", chars: 5, output: nil),
        ])
    func tooLittle(usage: AnnouncedUsage) {
        #expect(Self.terms.held(for: usage)?.decimal == "3.00")
    }

    @Test("The default hold is at least the minimum; a feature without either holds its cost")
    func defaultHold() {
        func held(_ cost: String, hold: String?) -> String? {
            let feature = FeatureCostConfig(
                featureKey: "f", productType: "career", internalCost: Credits(decimal: cost)!,
                defaultHold: hold.flatMap { Credits(decimal: $0) })
            return CallTerms(feature: feature, multiplier: .oneAndAHalf)
                .held(for: Self.announced("m1", input: 9, output: 9))?.decimal
        }
        #expect(held("3", hold: "2") == "4.50" && held("3", hold: nil) == "4.50")
        #expect(held("0", hold: "2") == "3.00" && held("0", hold: nil) == "0.00")
    }

    @Test("Who uses no more than was announced never needs more than was held")
    func enough() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<2_000 {
            let input = Int64.random(in: 0...2_000_000, using: &random)
            let output = Int64.random(in: 0...2_000_000, using: &random)
            let held = Self.terms.held(for: Self.announced("m", input: input, output: output))
            let usedOutput = Int64.random(in: 0...output, using: &random)
            let used = UsedTokens(
                input: input, cachedInput: .random(in: 0...input, using: &random),
                output: usedOutput, reasoning: .random(in: 0...usedOutput, using: &random))!
            let price = Self.terms.price(of: used, by: Self.price)
            #expect(price! <= held!, "seed \(seed)")
        }
    }
}
