/// What a part of a billing period costs.
package enum Proration {
    /// One line: the exact fraction of the price for the time that is left, rounded to the minor
    /// unit, halves away from zero (docs.stripe.com/billing/subscriptions/prorations). Each line is
    /// rounded by itself and a total is the sum of the rounded lines. A credit is minus this.
    package static func amount(
        unitAmount: Int64, quantity: Int64, at date: Int64, periodStart: Int64, periodEnd: Int64
    ) -> Int64 {
        guard periodEnd > periodStart else { return 0 }
        let numerator = Int128(unitAmount) * Int128(quantity) * Int128(periodEnd - date)
        let denominator = Int128(periodEnd - periodStart)
        let magnitude = (2 * abs(numerator) + denominator) / (2 * denominator)
        return Int64(clamping: numerator < 0 ? -magnitude : magnitude)
    }
}
