import Foundation
import Ledger
import Stripe
import Values

extension StripeSubscription {
    /// Whether it is over for good.
    package var isOver: Bool { status == .canceled || status == .incompleteExpired }

    /// Whether it ends by itself, with its period or at a date.
    package var isEnding: Bool { cancelAtPeriodEnd || (cancelAt != nil && endedAt == nil) }

    /// When it ends by itself, in Unix seconds; `nil` where it does not.
    package var endsAt: Int64? { isEnding ? cancelAt ?? items.map(\.currentPeriodEnd).min() : nil }

    /// Its trial, in Unix seconds; empty where it had none.
    package var trial: Range<Int64> {
        guard let trialStart, let trialEnd, trialStart < trialEnd else { return 0..<0 }
        return trialStart..<trialEnd
    }
}

extension StripeInvoice {
    /// Whether it is, or will be, asked for. What a change that waits asks for changes nothing
    /// until it is paid.
    func isBilled(of subscription: StripeSubscription) -> Bool {
        let isOfWaiting = subscription.pendingUpdate != nil && id == subscription.latestInvoiceID
        return status == .paid || !isOfWaiting && (status == .open || status == .draft)
    }

    /// Whether it was paid while its subscription went on: what is paid after the end pays for
    /// nothing.
    func isPaid(beforeEndOf subscription: StripeSubscription) -> Bool {
        status == .paid && (subscription.endedAt.map { (paidAt ?? createdAt) <= $0 } ?? true)
    }
}

extension Subscription.Status {
    /// A status that Stripe may add one day entitles to nothing until it is known.
    package init(_ status: StripeSubscription.Status) {
        self =
            switch status {
            case .active: .active
            case .trialing: .trialing
            case .pastDue: .pastDue
            case .incomplete: .incomplete
            case .incompleteExpired: .incompleteExpired
            case .unpaid: .unpaid
            case .canceled: .canceled
            case .paused, .unknown: .paused
            }
    }
}

extension Timestamp {
    /// A time of Stripe's, which its decoding has held to the years that there are.
    package init(ofStripe seconds: Int64) { self = .epoch.adding(seconds: seconds) }
}
