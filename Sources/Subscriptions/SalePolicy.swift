import Values

/// How plans are sold, as the operator has set it.
public struct SalePolicy: Sendable {
    private static let words = ["on": true, "off": false]

    /// Whether who has never bought may enter a promotion code at Checkout.
    package let offersPromotionCodes: Bool
    /// Whether Stripe adds tax, for which Checkout asks for the address.
    package let addsTax: Bool
    /// Where Stripe's portal leads back to.
    package let returnURL: String

    /// Neither codes nor tax.
    public init() {
        offersPromotionCodes = false
        addsTax = false
        returnURL = ""
    }

    /// - Throws: ``SettingsError`` for a text that is neither `on` nor `off`.
    public init(
        promotionCodes: String?, tax: String?, returnURL: String
    ) throws(SettingsError) {
        offersPromotionCodes = try Self.isOn(promotionCodes, "STRIPE_PROMOTION_CODES")
        addsTax = try Self.isOn(tax, "STRIPE_TAX")
        self.returnURL = returnURL
    }

    private static func isOn(_ text: String?, _ name: String) throws(SettingsError) -> Bool {
        guard let text else { return false }
        guard let isOn = words[text] else { throw SettingsError(name, "must be on or off") }
        return isOn
    }
}
