import HTTPEndpoint
import Ledger
import Stripe

extension Problem {
    package static let planNotFound = Problem(
        404, "plan_not_found", "Plan not found", "There is no plan with this id.")
    package static let subscriptionNotFound = Problem(
        404, "subscription_not_found", "No subscription",
        "This user has no Career subscription; activate one first.")
    package static let alreadySubscribed = Problem(
        409, "already_subscribed", "Already subscribed",
        "This user is on a paid plan; upgrade it instead.")
    package static let checkoutSuperseded = Problem(
        409, "checkout_superseded", "Checkout superseded",
        "Another checkout of this user's was begun meanwhile; ask again.")
    package static let checkoutRequired = Problem(
        409, "checkout_required", "Checkout required",
        "The Free plan has nothing to upgrade; buy a plan by checkout.")
    package static let samePlan = Problem(
        409, "same_plan", "Same plan", "This is the plan that the user is on.")
    package static let downgradeNotAllowed = Problem(
        409, "downgrade_not_allowed", "Not an upgrade",
        "A lower plan begins at the end of what is paid, by a downgrade.")
    package static let upgradeNotDowngrade = Problem(
        409, "upgrade_not_downgrade", "Not a downgrade",
        "A higher plan begins at once, by an upgrade.")
    package static let cancellationPending = Problem(
        409, "cancellation_pending", "Cancellation pending",
        "The subscription is about to end; resume it first.")
    package static let paymentPastDue = Problem(
        402, "payment_past_due", "Payment past due", "The last payment failed; settle it first.")
    package static let paymentIncomplete = Problem(
        402, "payment_incomplete", "Payment incomplete",
        "The first payment has not gone through yet; complete it first.")
    package static let subscriptionPaused = Problem(
        409, "subscription_paused", "Subscription paused",
        "The trial ended without a card; add one on the billing page first.")
    package static let previewExpired = Problem(
        409, "preview_expired", "Preview expired",
        "The price was shown more than ten minutes ago, or another was shown since.")
    package static let cardDeclined = Problem(
        402, "card_declined", "Card declined", "The card was declined; nothing has changed.")
    package static let paymentNeedsAction = Problem(
        402, "payment_needs_action", "Payment needs action",
        "Your bank asks you to confirm this payment, at `url`; until then nothing changes.")
    package static let paymentProcessing = Problem(
        402, "payment_processing", "Payment processing",
        "Your bank is working on this payment; the plan changes once it is paid.")
    package static let addressRequired = Problem(
        409, "address_required", "Address required",
        "The tax depends on your address, which is not known yet: enter it at `url`.")
    package static let nothingToCancel = Problem(
        409, "nothing_to_cancel", "Nothing to cancel", "The user is on the Free plan.")
    package static let noBillingAccount = Problem(
        409, "no_billing_account", "No billing account", "The user has never begun a checkout.")
    package static let paymentProviderUnavailable = Problem(
        503, "payment_provider_unavailable", "Payment provider unavailable",
        "The payment provider does not answer; try again shortly."
    ).retry(afterSeconds: 5)
    package static let paymentProviderError = Problem(
        502, "payment_provider_error", "Payment provider error",
        "The payment provider refused the request.")

    package init(_ refusal: UpgradeRefusal) {
        self =
            switch refusal {
            case .samePlan: .samePlan
            case .checkoutRequired: .checkoutRequired
            case .downgrade: .downgradeNotAllowed
            case .upgrade: .upgradeNotDowngrade
            case .cancellationPending: .cancellationPending
            case .paymentPastDue: .paymentPastDue
            case .paymentIncomplete: .paymentIncomplete
            case .paused: .subscriptionPaused
            }
    }

    /// What a failed call to Stripe means to a client. Of Stripe's own text nothing is passed on
    /// but the two codes.
    package init(_ error: StripeError) {
        switch error.kind {
        case .card(let code, let declineCode):
            self = .cardDeclined.with(detail: error.sentence)
            if let declineCode { members["decline_code"] = declineCode }
            if let code { members["stripe_code"] = code }
        case .unavailable, .rateLimited, .conflict:
            self = .paymentProviderUnavailable
            if case .rateLimited(let pause?) = error.kind {
                self = retry(afterSeconds: pause.components.seconds)
            }
        default:
            self = .paymentProviderError.with(detail: error.sentence)
                .retry(afterSeconds: 30)
        }
    }
}
