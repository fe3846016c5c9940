import Ledger
import Values

/// What tokens cost, worked out plainly: with 128 bits, rounded up once at the end.
struct ReferencePrice {
    let feature: FeatureCostConfig
    let multiplier: Int128

    init(_ feature: FeatureCostConfig, _ multiplier: Int64) {
        self.feature = feature
        self.multiplier = Int128(multiplier)
    }

    /// - Parameter exact: in millionths of a micro-credit.
    private func whole(_ exact: Int128) -> Int64 {
        let least = Int128(feature.internalCost.micros) * 1_000_000
        let product = max(exact, least) * multiplier
        let unit: Int128 = 1_000_000_000_000
        return Int64(product / unit + (product % unit == 0 ? 0 : 1))
    }

    private func price(_ models: [String?]) -> TokenPrice? {
        for model in models {
            let found = feature.tokenPrices.first { price in
                price.model == model
                    || price.model.hasSuffix("*")
                        && model?.hasPrefix(price.model.dropLast()) == true
            }
            if let found { return found }
        }
        return nil
    }

    /// `nil` where no price is of any of the models, the first that has one counting.
    func of(_ input: Int64, _ output: Int64, models: [String?]) -> Int64? {
        price(models).map {
            whole(
                Int128(input) * Int128($0.input.micros) + Int128(output) * Int128($0.output.micros))
        }
    }

    func held(for announced: AnnouncedUsage) -> Int64 {
        let input = announced.inputTokens ?? announced.inputChars.map { ($0 + 2) / 3 }
        if let input, let output = announced.maxOutputTokens,
            let price = of(input, output, models: [announced.model])
        {
            return price
        }
        return whole(Int128(feature.defaultHold?.micros ?? 0) * 1_000_000)
    }
}
