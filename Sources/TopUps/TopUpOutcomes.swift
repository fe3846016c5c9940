import FoundationEssentials
import Ledger
import Values

/// What a purchase came to. Each may be heard of more than once, and in any order: the second time
/// changes nothing.
extension TopUpState {
    /// Codes of declines after which the same card is not to be tried again
    /// (https://docs.stripe.com/billing/revenue-recovery/smart-retries). A bank that wants to hear
    /// from the card's owner is none of them here: the owner can pay on the invoice's page until
    /// the tries are over.
    static let neverAgain: Set<String> = [
        "incorrect_number", "lost_card", "pickup_card", "stolen_card",
        "revocation_of_authorization", "revocation_of_all_authorizations", "highest_risk_level",
        "transaction_not_allowed",
    ]

    /// The try has failed.
    ///
    /// - Parameter code: Stripe's, of the decline.
    package mutating func declined(
        _ id: UUID, try number: Int64, code: String?, at now: Timestamp
    ) -> [News] {
        guard var tried = inFlight, tried.id == id, tried.isTrying, tried.tries == number else {
            return []
        }
        tried.isTrying = false
        purchase = tried
        var failing =
            outage ?? Outage(since: tried.triedAt, failedTries: 0, nextTryAt: tried.triedAt)
        failing.failedTries += 1
        failing.nextTryAt = tried.triedAt.adding(seconds: Self.retryPause)
        failing.card = tried.card
        outage = failing
        let isLast =
            failing.failedTries >= Self.maximumTries
            || code.map { Self.neverAgain.contains($0) } ?? false
        if isLast, switchOff(.cardDeclined, at: now) {
            purchase?.status = .givingUp
            dueAt = now
            return [.off(.cardDeclined)]
        }
        // What was switched off or changed meanwhile is given up.
        let isWanted =
            isOn && tried.status == .open && tried.terms.sellsTheSame(as: consent.terms)
        dueAt = isWanted ? failing.nextTryAt : now
        return isOn && failing.failedTries == 1 ? [.declined] : []
    }

    /// A bank takes its time to decide.
    package mutating func awaits(_ id: UUID, at now: Timestamp) {
        guard let inFlight, inFlight.id == id, inFlight.status == .open else { return }
        dueAt = now.adding(seconds: Self.purchasePause)
    }

    /// Stripe has failed: the same calls need other keys.
    package mutating func useNewKeys(_ id: UUID) {
        guard inFlight?.id == id else { return }
        purchase?.usedKeys += 1
    }

    /// The invoice of a purchase was made.
    ///
    /// - Returns: whether it may be paid: it is the only one, and nothing was given up meanwhile.
    package mutating func made(_ invoiceID: String, of id: UUID) -> Bool {
        guard let inFlight, inFlight.id == id, inFlight.status == .open else { return false }
        if inFlight.invoiceID == nil { purchase?.invoiceID = invoiceID }
        return purchase?.invoiceID == invoiceID
    }

    /// Its invoice is paid, by a try or by the user.
    package mutating func paid(_ id: UUID, by invoiceID: String, at now: Timestamp) {
        guard let inFlight, inFlight.id == id else { return }
        outage = nil
        lastActiveAt = now
        purchase?.status = .paid
        purchase?.isTrying = false
        purchase?.invoiceID = invoiceID
        dueAt = nil
    }

    /// Whether the try may go ahead that was decided on: nothing was switched off, changed, lowered
    /// or given up meanwhile, and the month is the one in which it counts.
    package func isUnderWay(_ tried: TopUpPurchase, at now: Timestamp) -> Bool {
        guard isOn, let inFlight, inFlight.id == tried.id, inFlight.status == .open,
            inFlight.isTrying, inFlight.tries == tried.tries,
            inFlight.terms.sellsTheSame(as: consent.terms)
        else { return false }
        let month = SpendingLimits.Window.month
        return month.start(of: inFlight.triedAt) == month.start(of: now)
            && paidThisMonth < consent.monthlyMaximum
    }

    /// Nobody can pay its invoice any more.
    package mutating func gaveUp(_ id: UUID) {
        guard let inFlight, inFlight.id == id else { return }
        purchase?.status = .givenUp
        purchase?.isTrying = false
        dueAt = nil
    }
}
