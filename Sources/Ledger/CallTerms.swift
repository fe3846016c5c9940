import FoundationEssentials
import Values

/// A feature's prices together with the multiplier of a plan: what a hold pins for good.
public struct CallTerms: Sendable, Hashable {
    public let feature: FeatureCostConfig
    public let multiplier: Multiplier

    public init(feature: FeatureCostConfig, multiplier: Multiplier) {
        self.feature = feature
        self.multiplier = multiplier
    }

    /// The least that a call costs, and all that one without token prices does.
    ///
    /// - Returns: `nil` beyond ``Credits/maximum``, which a catalog in force has not.
    public var minimum: Credits? { price(exact: 0) }

    /// What the tokens cost, at least the feature's minimum: × multiplier, in whole micro-credits,
    /// rounded up once.
    ///
    /// - Returns: `nil` beyond ``Credits/maximum``.
    public func price(of tokens: UsedTokens, by price: TokenPrice) -> Credits? {
        self.price(exact: price.sum(of: tokens))
    }

    /// What a further part of a call costs: what all of its tokens cost so far, less what was
    /// charged of it. So the sum of the parts is the price of the whole, and the minimum counts
    /// once, from the first part on.
    ///
    /// - Parameter all: the call's tokens up to now, this part's among them.
    /// - Returns: `nil` if all tokens together cost more than ``Credits/maximum``.
    public func partPrice(
        of all: UsedTokens, charged: Credits, by price: TokenPrice
    ) -> Credits? {
        self.price(of: all, by: price).map { max(.zero, $0 - charged) }
    }

    /// What is held for a call before it runs: the most that it can cost by what was announced, if
    /// that tells its input, the most of its output and a model that has a price; else the
    /// feature's `default_hold`, at least its minimum.
    ///
    /// - Returns: `nil` beyond ``Credits/maximum``.
    public func held(for announced: AnnouncedUsage) -> Credits? {
        guard let price = feature.tokenPrice(of: announced.model), let input = announced.input,
            let output = announced.maxOutputTokens
        else { return defaultHold }
        return self.price(
            exact: Int128(input) * Int128(price.input.micros)
                + Int128(output) * Int128(price.dearestOutput.micros))
    }

    /// What is held for a call that announces too little: × multiplier, rounded up once.
    ///
    /// - Returns: `nil` beyond ``Credits/maximum``, which a catalog in force has not.
    public var defaultHold: Credits? {
        price(exact: Int128(feature.defaultHold?.micros ?? 0) * TokenPrice.tokensPriced)
    }

    /// - Parameter sum: in millionths of a micro-credit, before the multiplier.
    private func price(exact sum: Int128) -> Credits? {
        let least = Int128(feature.internalCost.micros) * TokenPrice.tokensPriced
        let (product, overflow) = max(sum, least)
            .multipliedReportingOverflow(by: Int128(multiplier.millionths))
        let unit = TokenPrice.tokensPriced * Int128(Multiplier.one.millionths)
        guard !overflow, product <= Int128(Credits.maximum.micros) * unit else { return nil }
        return Credits(clamping: Int64((product + unit - 1) / unit))
    }
}

/// What a tool server expects a call to take.
public struct AnnouncedUsage: Sendable, Hashable {
    /// How many characters of input are counted as one token where no tokens are told.
    static let charactersAToken: Int64 = 3

    public let model: String?
    public let inputTokens: Int64?
    public let inputChars: Int64?
    public let maxOutputTokens: Int64?

    public init(
        model: String?, inputTokens: Int64?, inputChars: Int64?, maxOutputTokens: Int64?
    ) {
        self.model = model
        self.inputTokens = inputTokens
        self.inputChars = inputChars
        self.maxOutputTokens = maxOutputTokens
    }

    /// The tokens of input, from the characters if they alone were told, rounded up.
    var input: Int64? {
        inputTokens
            ?? inputChars.map {
                let (whole, rest) = $0.quotientAndRemainder(dividingBy: Self.charactersAToken)
                return rest > 0 ? whole + 1 : whole
            }
    }
}

/// What a catalog charges for each call: kept of a catalog that was replaced, for the holds that
/// were made under it.
public struct CatalogTerms: Sendable, Hashable {
    /// The catalog's number.
    public let revision: Int64
    public let features: [String: FeatureCostConfig]
    /// By the ids of plans, retired ones too.
    public let multipliers: [UUID: Multiplier]

    public init(
        revision: Int64, features: [FeatureCostConfig], multipliers: [UUID: Multiplier]
    ) {
        self.revision = revision
        self.features = Dictionary(
            features.map { ($0.featureKey, $0) }, uniquingKeysWith: { first, _ in first })
        self.multipliers = multipliers
    }

    /// `nil` for a feature or a plan that the catalog did not have.
    public func terms(of featureKey: String, on planID: UUID) -> CallTerms? {
        guard let feature = features[featureKey], let multiplier = multipliers[planID] else {
            return nil
        }
        return CallTerms(feature: feature, multiplier: multiplier)
    }
}
