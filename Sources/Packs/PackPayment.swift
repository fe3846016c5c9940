import Billing
import Stripe
import Values

/// What became of the money of a pack, as Stripe says now. Refunds that failed have given nothing
/// back; of one payment no more can go back than was paid, by whatever way.
package struct PackPayment: Sendable, Equatable {
    /// In the currency's minor unit, as the next.
    package let paid: Int64
    package let returned: Int64
    /// Whether a bank holds the money until it has decided; an inquiry holds nothing.
    package let isDisputed: Bool

    /// All of them, those that failed too.
    package let refunds: [StripeRefund]

    package init(paid: Int64, refunds: [StripeRefund], disputes: [StripeDispute]) {
        self.refunds = refunds
        self.paid = paid
        returned = PaymentReturns.sum(of: paid, refunds: refunds, disputes: disputes)
        isDisputed = disputes.contains { Self.undecided.contains($0.status) }
    }

    /// Nothing was due.
    static let free = PackPayment(paid: 0, refunds: [], disputes: [])

    private static let undecided = [
        "needs_response", "under_review", "appeal_needs_response", "appeal_under_review",
    ]

    /// The credits that went back with the money: the same share of them, rounded down to the
    /// hundredth; all of them once all the money went back.
    package func takenBack(of credits: Credits) -> Credits {
        guard returned > 0 else { return .zero }
        return returned >= paid ? credits : credits.share(returned, of: paid)
    }
}
