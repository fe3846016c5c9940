import Billing
import Ledger
import Packs
import Values

/// One difference of credits that were sold.
struct SaleDrift: Sendable {
    /// The page or the invoice that has sold them, which is to be fetched anew.
    let soldBy: String
    let difference: String
    /// Whether it is an invoice that is to be voided: what it is for is over, or is nobody's.
    let isToVoid: Bool

    init(soldBy: String, _ difference: String, isToVoid: Bool = false) {
        self.soldBy = soldBy
        self.isToVoid = isToVoid
        self.difference = "\(soldBy) \(difference)"
    }
}

extension PackPayment {
    /// What of a grant is not as its payment has it; `nil` if nothing is.
    ///
    /// - Parameters:
    ///   - credits: what was bought.
    ///   - name: the pack's.
    func difference(
        from grant: StandaloneGrant?, of credits: Credits, named name: String
    ) -> String? {
        guard let grant else { return "paid for \(name), which is not granted here" }
        let total = takenBack(of: credits)
        if grant.takeBackTotal != total {
            return "had money back at Stripe for \(total.decimal) credits, here for "
                + grant.takeBackTotal.decimal
        }
        guard grant.isFrozen != isDisputed else { return nil }
        return "is disputed only \(isDisputed ? "at Stripe" : "here")"
    }
}
