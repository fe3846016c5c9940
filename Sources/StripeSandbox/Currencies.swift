// What can be charged in a currency: docs.stripe.com/currencies.

extension Currencies {
    /// Without decimals, and counted in hundredths all the same.
    private static let countedInHundredths: Set = ["isk", "ugx"]

    /// Refuses an amount that no charge can have.
    package static func check(_ amount: Int64, _ currency: String, param: String) throws {
        if threeDecimal.contains(currency), amount % 10 != 0 {
            throw StripeError.invalid(
                "Invalid amount: the last digit must be 0 in \(currency).", param: param)
        }
        if countedInHundredths.contains(currency), amount % 100 != 0 {
            throw StripeError.invalid(
                "Invalid amount: it must be divisible by 100 in \(currency).", param: param)
        }
    }
}
