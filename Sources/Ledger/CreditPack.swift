import FoundationEssentials
import Values

/// Credits that are sold by themselves, beside the plans.
public struct CreditPack: Sendable, Hashable {
    public let id: UUID
    public let product: Product
    public let name: String
    public let price: Money
    public let credits: Credits
    /// After how many days from the payment what is left ends; `nil`: never.
    public let validDays: Int64?
    /// Where Stripe's price is found.
    public let lookupKey: String
    public let isActive: Bool

    public init(
        id: UUID, product: Product = .career, name: String, price: Money, credits: Credits,
        validDays: Int64?, lookupKey: String, isActive: Bool
    ) {
        self.id = id
        self.product = product
        self.name = name
        self.price = price
        self.credits = credits
        self.validDays = validDays
        self.lookupKey = lookupKey
        self.isActive = isActive
    }
}
