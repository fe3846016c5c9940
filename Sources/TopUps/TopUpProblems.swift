import HTTPEndpoint

extension Problem {
    package static let noPaymentMethod = Problem(
        409, "no_payment_method", "No payment method",
        "There is no card that pays by itself; add one on the billing page first.")
    package static let topUpNotFound = Problem(
        404, "top_up_not_found", "No such credits",
        "You have bought no credits that have this id.")
    package static let topUpUsed = Problem(
        409, "top_up_used", "Credits used",
        "Some of these credits were used, are held by a running call, or have expired.")
    package static let topUpTooLate = Problem(
        409, "too_late", "Too late", "Credits can be given back for 14 days.")
    package static let topUpDisputed = Problem(
        409, "top_up_disputed", "Payment disputed",
        "Your bank holds this payment; wait until it has decided.")
    package static let cardGivenUp = Problem(
        409, "card_declined", "Card declined",
        "Your card was declined until the automatic top-up went off; wait a day.")
}
