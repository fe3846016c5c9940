import Billing
import Ledger

extension HeldSeats {
    /// How Stripe differs, each the end of a sentence.
    package func differences(from billed: SubscribedSeats) -> [String] {
        var found: [String] = []
        if billed.count != count {
            found.append("has \(billed.count) seats at Stripe, \(count) here")
        }
        if billed.pending != pending {
            found.append(
                "is to have \(billed.pending ?? billed.count) seats from the next period on at "
                    + "Stripe, \(pending ?? count) here")
        }
        return found
    }
}
