import Billing
import FoundationEssentials
import Stripe
import Values

/// What is charged for a year, and when: what its user is told of.
package struct YearCharge: Sendable, Equatable {
    package let at: Timestamp
    package let planID: UUID
    package let money: Money

    package init(at: Timestamp, planID: UUID, money: Money) {
        self.at = at
        self.planID = planID
        self.money = money
    }

    /// What is to be said of it.
    package enum Telling: Sendable, Equatable {
        /// It is known.
        case nothing
        /// Nothing was said of this year yet.
        case first
        /// Something else was said of it.
        case correction
    }

    /// - Parameters:
    ///   - told: what was told last, a charge's ``text``. An earlier version has told of a renewal
    ///     by the invoice of the year that ends, and not what it has said.
    ///   - invoiceID: that invoice; `nil` if no year ends.
    ///   - isScheduled: whether another plan begins then, of which an earlier version has told
    ///     nobody.
    ///   - planPrice: what an earlier version has said is charged; `nil` if nobody knows the plan.
    package func telling(
        after told: String?, ofYear invoiceID: String?, isScheduled: Bool, planPrice: Money?,
        at now: Timestamp
    ) -> Telling {
        guard let told else { return .first }
        if told == invoiceID {
            if isScheduled { return .first }
            return money == planPrice ? .nothing : .correction
        }
        // What was charged since is past.
        guard let known = YearCharge(told), known.at > now else { return .first }
        return known == self ? .nothing : .correction
    }

    /// As it is stored: the second, the plan, the amount in the minor unit, the currency.
    package var text: String {
        "\(at.seconds) \(planID.text) \(money.amount) \(money.currency.code)"
    }

    /// Fails for what is not another one's ``text``.
    package init?(_ text: String) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 4, let seconds = Int64(parts[0]),
            Timestamp.rangeOfSeconds.contains(seconds),
            let plan = UUID(uuidString: String(parts[1])), let amount = Int64(parts[2]),
            let money = Money(amount: amount, currency: String(parts[3]))
        else { return nil }
        self.init(at: Timestamp.epoch.adding(seconds: seconds), planID: plan, money: money)
    }
}

extension StripeSubscription {
    /// Whether what is due at that instant is charged: not of a subscription that has ended by
    /// then, and not while its collection is paused.
    package func isCharged(at due: Timestamp) -> Bool {
        let resumesInTime = resumesAt.map { Timestamp(ofStripe: $0) <= due } ?? false
        let hasEnded = isOver || endsAt.map { Timestamp(ofStripe: $0) <= due } ?? isEnding
        return !hasEnded && (pauseBehavior == nil || resumesInTime)
    }
}
