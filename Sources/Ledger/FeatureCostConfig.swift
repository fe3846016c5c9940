import Values

/// What one call of a feature costs before a plan's multiplier, and how long and how much a hold of
/// it may be.
public struct FeatureCostConfig: Sendable, Hashable {
    /// What becomes of a call that took more than was held for it.
    public enum Overuse: String, Sendable, Hashable, CaseIterable {
        /// The hold is charged; the rest is noted.
        case cap
        /// The difference is taken as far as the account has it; what it has not is noted.
        case ifAvailable = "if_available"
    }

    public let featureKey: String
    public let productType: String
    /// What a call costs; with token prices, the least that it costs.
    public let internalCost: Credits
    /// The first that matches a model is its price; none: each call costs ``internalCost``.
    public let tokenPrices: [TokenPrice]
    /// Held for a call whose price cannot be told beforehand, before the multiplier; a feature with
    /// token prices has one.
    public let defaultHold: Credits?
    /// The longest that a hold may be asked for, in seconds; `nil`: the setting `RESERVATION_TTL`.
    public let maximumHoldSeconds: Int64?
    public let overuse: Overuse
    /// How long after a hold has expired its success is still taken, in seconds.
    public let lateCommitSeconds: Int64

    public init(
        featureKey: String, productType: String, internalCost: Credits,
        tokenPrices: [TokenPrice] = [], defaultHold: Credits? = nil,
        maximumHoldSeconds: Int64? = nil, overuse: Overuse = .cap, lateCommitSeconds: Int64 = 0
    ) {
        self.featureKey = featureKey
        self.productType = productType
        self.internalCost = internalCost
        self.tokenPrices = tokenPrices
        self.defaultHold = defaultHold
        self.maximumHoldSeconds = maximumHoldSeconds
        self.overuse = overuse
        self.lateCommitSeconds = lateCommitSeconds
    }

    /// The price of the model's tokens; `nil` for a model that has none.
    public func tokenPrice(of model: String?) -> TokenPrice? {
        guard let model else { return nil }
        return tokenPrices.first { $0.matches(model) }
    }

    /// The price by which a call is settled: that of the model which ran, else that of the model
    /// which was announced. `nil`: the whole hold is charged.
    public func settlingPrice(modelUsed: String?, announced: String?) -> TokenPrice? {
        tokenPrice(of: modelUsed) ?? tokenPrice(of: announced)
    }
}
