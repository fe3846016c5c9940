import Foundation
import Ledger
import Testing
import Values

@Suite("A call's price is max(minimum, Σ tokens × price) × multiplier, rounded up once")
struct TokenPriceTests {
    private static let small = price("small*", "10", cached: "1", "40", reasoning: "60")
    private static let large = price("large", "100", "400")

    private static func price(
        _ model: String, _ input: String, cached: String? = nil, _ output: String,
        reasoning: String? = nil
    ) -> TokenPrice {
        TokenPrice(
            model: model, input: Credits(decimal: input)!,
            cachedInput: cached.map { Credits(decimal: $0)! }, output: Credits(decimal: output)!,
            reasoning: reasoning.map { Credits(decimal: $0)! })
    }

    private static func terms(
        _ prices: [TokenPrice] = [small, large], minimum: String = "0", multiplier: String = "1",
        hold: String? = "2"
    ) -> CallTerms {
        CallTerms(
            feature: FeatureCostConfig(
                featureKey: "chat", productType: "career",
                internalCost: Credits(decimal: minimum)!, tokenPrices: prices,
                defaultHold: hold.map { Credits(decimal: $0)! }),
            multiplier: Multiplier(decimal: multiplier)!)
    }

    private static func tokens(
        _ input: Int64, cached: Int64 = 0, _ output: Int64, reasoning: Int64 = 0
    ) -> UsedTokens {
        UsedTokens(input: input, cachedInput: cached, output: output, reasoning: reasoning)!
    }

    @Test(
        "Each kind of token costs its own price",
        arguments: [
            (1_000_000, 0, 0, 0, "10.00"),
            // Cached tokens are not counted twice, and not at the full price.
            (1_000_000, 1_000_000, 0, 0, "1.00"), (1_000_000, 400_000, 0, 0, "6.40"),
            (0, 0, 1_000_000, 0, "40.00"), (0, 0, 1_000_000, 1_000_000, "60.00"),
            (0, 0, 1_000_000, 250_000, "45.00"), (500_000, 100_000, 200_000, 50_000, "13.10"),
            (0, 0, 0, 0, "0.00"),
        ] as [(Int64, Int64, Int64, Int64, String)])
    func kinds(input: Int64, cached: Int64, output: Int64, reasoning: Int64, cost: String) {
        let used = Self.tokens(input, cached: cached, output, reasoning: reasoning)
        #expect(Self.terms().price(of: used, by: Self.small)?.decimal == cost)
    }

    @Test("Without prices of their own, cached input costs as input and reasoning as output")
    func absentPrices() {
        let terms = Self.terms()
        let used = Self.tokens(1_000_000, cached: 300_000, 1_000_000, reasoning: 900_000)
        #expect(terms.price(of: used, by: Self.large)?.decimal == "500.00")
        let free = Self.price("free", "10", cached: "0", "40", reasoning: "0")
        #expect(terms.price(of: used, by: free)?.decimal == "11.00")
    }

    @Test("A part of the tokens is never more than its whole, and no count is negative")
    func parts() {
        #expect(UsedTokens(input: 1, cachedInput: 2, output: 0) == nil)
        #expect(UsedTokens(input: 0, output: 1, reasoning: 2) == nil)
        #expect(UsedTokens(input: -1, output: 0) == nil)
        #expect(UsedTokens(input: 1, cachedInput: -1, output: 0) == nil)
        #expect(UsedTokens(input: 0, output: 0, reasoning: -1) == nil)
        #expect(UsedTokens(input: -2, cachedInput: -3, output: 0) == nil)
        let most = Self.tokens(.max, cached: .max, .max, reasoning: .max)
        #expect(most.adding(Self.tokens(1, 0)) == nil && most.adding(Self.tokens(0, 1)) == nil)
        #expect(most.adding(.none) == most)
    }

    @Test(
        "The first price that matches the model is taken, by its whole name or its prefix",
        arguments: [
            ("a-mini-2", "a-mini*"), ("a-mini", "a-mini*"), ("a-large", "a*"), ("a", "a*"),
            ("b", "b"), ("b-2", "*"), ("A-mini", "*"), ("", "*"),
            // It begins with á for a reader, and byte by byte with a.
            ("a\u{301}", "a*"),
        ])
    func firstMatch(model: String, pattern: String) {
        let prices = ["a-mini*", "\u{e1}*", "a*", "b", "*"].map { Self.price($0, "1", "1") }
        #expect(Self.terms(prices).feature.tokenPrice(of: model)?.model == pattern)
    }

    @Test("A call is settled by the model that ran, else by the one announced, else not by tokens")
    func settlingPrice() {
        let feature = Self.terms().feature
        #expect(feature.settlingPrice(modelUsed: "large", announced: "small") == Self.large)
        #expect(feature.settlingPrice(modelUsed: "other", announced: "small-1") == Self.small)
        #expect(feature.settlingPrice(modelUsed: nil, announced: "large") == Self.large)
        #expect(feature.settlingPrice(modelUsed: "other", announced: nil) == nil)
        #expect(feature.settlingPrice(modelUsed: nil, announced: nil) == nil)
    }

    @Test("The sum is rounded up once, at the end, to the whole micro-credit")
    func rounding() {
        let tiny = Self.price("t", "0.000001", cached: "0.000001", "0.000001")
        // A millionth of a micro-credit each: four of them are one micro-credit, not four.
        let used = Self.tokens(2, cached: 1, 2, reasoning: 1)
        #expect(Self.terms([tiny]).price(of: used, by: tiny)?.micros == 1)
        #expect(Self.terms([tiny]).price(of: Self.tokens(1_000_000, 0), by: tiny)?.micros == 1)
        #expect(Self.terms([tiny]).price(of: Self.tokens(1_000_001, 0), by: tiny)?.micros == 2)
        // The multiplier comes before the rounding: half of two millionths and a bit.
        let half = Self.terms([tiny], multiplier: "0.5")
        #expect(half.price(of: Self.tokens(2_000_000, 0), by: tiny)?.micros == 1)
        #expect(half.price(of: Self.tokens(2_000_001, 0), by: tiny)?.micros == 2)
        #expect(half.price(of: .none, by: tiny) == .zero)
    }

    @Test("A call costs at least its minimum, × multiplier, and a free plan's multiplier is free")
    func minimum() {
        let terms = Self.terms(minimum: "0.5", multiplier: "1.5")
        #expect(terms.minimum?.decimal == "0.75")
        #expect(terms.price(of: Self.tokens(10, 0), by: Self.small)?.decimal == "0.75")
        #expect(terms.price(of: Self.tokens(50_000, 0), by: Self.small)?.decimal == "0.75")
        #expect(terms.price(of: Self.tokens(50_001, 0), by: Self.small)?.decimal == "0.750015")
        let free = Self.terms(minimum: "0.5", multiplier: "0")
        let most = Self.tokens(.max, .max)
        #expect(free.price(of: most, by: Self.large) == .zero && free.minimum == .zero)
    }

    @Test("A price beyond a billion credits is none, whatever the counts are")
    func overflow() {
        let dear = Self.price("d", "1000000000", "1000000000")
        let terms = Self.terms([dear], multiplier: "1000")
        #expect(terms.price(of: Self.tokens(1_000, 0), by: dear)?.decimal == "1000000000.00")
        #expect(terms.price(of: Self.tokens(1_001, 0), by: dear) == nil)
        #expect(terms.price(of: Self.tokens(.max, .max), by: dear) == nil)
        #expect(terms.partPrice(of: Self.tokens(.max, 0), charged: .zero, by: dear) == nil)
        let announced = AnnouncedUsage(
            model: "d", inputTokens: 2_000_000, inputChars: nil, maxOutputTokens: 2_000_000)
        #expect(terms.held(for: announced) == nil)
        let almost = Self.terms([dear], multiplier: "0.000001")
        #expect(almost.price(of: Self.tokens(.max, 0), by: dear) == nil)
    }

    @Test("The minimum counts once, from the first part on")
    func minimumOnce() {
        let terms = Self.terms(minimum: "1")
        func part(_ all: Int64, charged: String) -> String? {
            terms.partPrice(
                of: Self.tokens(all, 0), charged: Credits(decimal: charged)!, by: Self.small)?
                .decimal
        }
        #expect(part(0, charged: "0") == "1.00")
        #expect(part(50_000, charged: "1") == "0.00")
        #expect(part(150_000, charged: "1") == "0.50")
        // Amounts that were named without tokens may be ahead: nothing is given back.
        #expect(part(150_000, charged: "9") == "0.00")
    }

    /// `CUEBX_SPLITS` asks for more of them.
    private static let splits =
        ProcessInfo.processInfo.environment["CUEBX_SPLITS"].flatMap { Int($0) } ?? 10_000

    @Test("However a call is split into parts, they cost together what the whole costs")
    func sumsOfParts() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<Self.splits {
            let (terms, price) = Self.randomTerms(&random)
            var (all, charged) = (UsedTokens.none, Credits.zero)
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                all = all.adding(Self.randomTokens(&random))!
                guard let part = terms.partPrice(of: all, charged: charged, by: price) else {
                    Issue.record("no price, seed \(seed)")
                    return
                }
                charged += part
            }
            guard charged == terms.price(of: all, by: price) else {
                Issue.record("\(terms) \(all): \(charged.decimal), seed \(seed)")
                return
            }
            #expect(charged == Self.exactly(terms, price, all), "seed \(seed)")
        }
    }

    private static func randomTerms(
        _ random: inout SeededGenerator
    ) -> (CallTerms, TokenPrice) {
        func credits(_ most: Int64) -> Credits {
            Credits(clamping: Int64.random(in: 0...most, using: &random))
        }
        let price = TokenPrice(
            model: "*", input: credits(90_000_000),
            cachedInput: Bool.random(using: &random) ? credits(90_000_000) : nil,
            output: credits(900_000_000),
            reasoning: Bool.random(using: &random) ? credits(900_000_000) : nil)
        let feature = FeatureCostConfig(
            featureKey: "f", productType: "career", internalCost: credits(3_000_000),
            tokenPrices: [price], defaultHold: credits(9_000_000))
        let multiplier = Multiplier(millionths: .random(in: 0...3_000_000, using: &random))!
        return (CallTerms(feature: feature, multiplier: multiplier), price)
    }

    private static func randomTokens(_ random: inout SeededGenerator) -> UsedTokens {
        let most: Int64 = [3, 500, 2_000_000].randomElement(using: &random)!
        let input = Int64.random(in: 0...most, using: &random)
        let output = Int64.random(in: 0...most, using: &random)
        return tokens(
            input, cached: .random(in: 0...input, using: &random), output,
            reasoning: .random(in: 0...output, using: &random))
    }

    /// The price by another way: digit by digit in decimal numbers of Foundation's.
    private static func exactly(
        _ terms: CallTerms, _ price: TokenPrice, _ used: UsedTokens
    ) -> Credits {
        func decimal(_ credits: Credits) -> Decimal { Decimal(credits.micros) }
        var sum = Decimal(used.input - used.cachedInput) * decimal(price.input)
        sum += Decimal(used.cachedInput) * decimal(price.cachedInput ?? price.input)
        sum += Decimal(used.output - used.reasoning) * decimal(price.output)
        sum += Decimal(used.reasoning) * decimal(price.reasoning ?? price.output)
        let least = decimal(terms.feature.internalCost) * 1_000_000
        var product = max(sum, least) * Decimal(terms.multiplier.millionths) / 1_000_000_000_000
        var rounded = Decimal()
        NSDecimalRound(&rounded, &product, 0, .up)
        return Credits(clamping: NSDecimalNumber(decimal: rounded).int64Value)
    }
}
