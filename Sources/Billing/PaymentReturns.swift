import Stripe

/// What of a payment went back.
package enum PaymentReturns {
    /// Refunds that succeeded and disputes that were lost. No more can go back than was paid.
    ///
    /// - Parameter paid: in the currency's minor unit, as what is returned.
    package static func sum(
        of paid: Int64, refunds: [StripeRefund], disputes: [StripeDispute]
    ) -> Int64 {
        let refunded = refunds.filter { $0.status == "succeeded" }.map(\.amount)
        let lost = disputes.filter { $0.status == "lost" }.map(\.amount)
        return min(paid, (refunded + lost).reduce(0, +))
    }
}
