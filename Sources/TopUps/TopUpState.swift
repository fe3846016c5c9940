import FoundationEssentials
import Ledger
import Values

/// A user's automatic top-up and what has come of it. Its functions are the rules; nothing here
/// asks a clock, a database or Stripe.
package struct TopUpState: Sendable, Equatable {
    /// How often one outage of a card is tried before the automatic top-up goes off.
    package static let maximumTries: Int64 = 4
    /// From a try that failed to the next one, in seconds.
    package static let retryPause: Int64 = 86_400
    /// From the latest that was begun, tried or paid to the beginning of the next purchase, in
    /// seconds.
    package static let purchasePause: Int64 = 3_600
    /// For how long after a card was given up the automatic top-up cannot be switched on, in
    /// seconds.
    package static let declinedPause: Int64 = 86_400
    /// How long one process works on a purchase before another may take it up, in seconds: longer
    /// than its calls to Stripe with all their retries take.
    package static let lease: Int64 = 300

    /// Why it is off.
    package enum OffReason: String, Sendable, CaseIterable {
        case user
        case cardDeclined = "card_declined"
        case packChanged = "pack_changed"
        case moneyReturned = "money_returned"
    }

    package struct Off: Sendable, Equatable {
        package let reason: OffReason
        package let at: Timestamp
    }

    /// A card that pays no more: from its first failed try until something is paid, or the user
    /// agrees anew with another card or after it was given up.
    package struct Outage: Sendable, Equatable {
        package let since: Timestamp
        package internal(set) var failedTries: Int64
        package internal(set) var nextTryAt: Timestamp
        /// The card of the latest try; `nil`: there was none.
        package internal(set) var card: String?
    }

    /// What is asked for outside of the rules, at the time of a decision.
    package struct Situation: Sendable, Equatable {
        /// Whether there is less than the user wants to have.
        package let isLow: Bool
        /// Whether the user is active, and their plan entitles them and is paid for.
        package let mayBuy: Bool
        /// The pack as it is sold now; `nil` if it is not.
        package let offer: TopUpTerms?
        /// The card to charge; `nil`: the one that Stripe finds.
        package let card: String?

        package init(isLow: Bool, mayBuy: Bool, offer: TopUpTerms?, card: String?) {
            self.isLow = isLow
            self.mayBuy = mayBuy
            self.offer = offer
            self.card = card
        }
    }

    /// What is to be done at Stripe.
    package enum Step: Sendable, Equatable {
        case rest
        /// Begins a try, or finds out what it came to: its calls have the same names each time.
        case charge(TopUpPurchase)
        /// Voids the invoice, unless it is paid.
        case giveUp(TopUpPurchase)
    }

    /// What the user is to be told.
    package enum News: Sendable, Equatable {
        case declined
        case off(OffReason)
    }

    package let userID: UUID
    package internal(set) var consent: TopUpConsent
    package internal(set) var consentedAt: Timestamp?
    /// `nil`: it is on.
    package internal(set) var off: Off?
    package internal(set) var outage: Outage?
    /// The purchase in flight, or one that has just ended.
    package internal(set) var purchase: TopUpPurchase?
    /// When it is to be looked at; `nil`: at the next charge that leaves too little.
    package internal(set) var dueAt: Timestamp?
    /// When a purchase was last begun, tried or paid.
    package internal(set) var lastActiveAt: Timestamp?
    /// Paid purchases whose latest try was, or whose payment was heard of, in the UTC month of the
    /// decision.
    package internal(set) var paidThisMonth: Int64

    package init(
        userID: UUID, consent: TopUpConsent, consentedAt: Timestamp? = nil, off: Off? = nil,
        outage: Outage? = nil, purchase: TopUpPurchase? = nil, dueAt: Timestamp? = nil,
        lastActiveAt: Timestamp? = nil, paidThisMonth: Int64 = 0
    ) {
        self.userID = userID
        self.consent = consent
        self.consentedAt = consentedAt
        self.off = off
        self.outage = outage
        self.purchase = purchase
        self.dueAt = dueAt
        self.lastActiveAt = lastActiveAt
        self.paidThisMonth = paidThisMonth
    }

    package var isOn: Bool { off == nil }
    package var inFlight: TopUpPurchase? { purchase.flatMap { $0.isInFlight ? $0 : nil } }

    // MARK: The user

    /// Whether the user must prove anew who they are before this becomes what they agree to.
    package static func needsProof(
        of consent: TopUpConsent, isOn: Bool, after known: TopUpState?
    ) -> Bool {
        guard isOn else { return false }
        guard let known, known.isOn else { return true }
        return consent.goesBeyond(known.consent)
    }

    /// Whether the card was given up so lately that it cannot be switched on.
    package func isBarred(at now: Timestamp) -> Bool {
        guard let off, off.reason == .cardDeclined else { return false }
        return now < off.at.adding(seconds: Self.declinedPause)
    }

    /// Keeps what the user says; whether they may was judged before.
    ///
    /// - Parameter card: the one that would be charged; `nil` if that was not asked.
    package mutating func set(
        _ new: TopUpConsent, isOn: Bool, card: String? = nil, at now: Timestamp
    ) {
        if Self.needsProof(of: new, isOn: isOn, after: self) {
            consentedAt = now
            // The same card has only the tries that are left, unless it was given up and barred.
            let isOtherCard = card != nil && card != outage?.card
            if isOtherCard || off?.reason == .cardDeclined { outage = nil }
            // What waits for its next try was asked for under what was agreed to before.
            if inFlight != nil, purchase?.isTrying != true { purchase?.status = .givingUp }
        }
        consent = new
        if isOn { off = nil } else { switchOff(.user, at: now) }
        lookSoon(at: now)
    }

    /// What is in flight may have to be given up. A try that is under way is left to who makes it.
    private mutating func lookSoon(at now: Timestamp) {
        if inFlight == nil {
            dueAt = nil
        } else if purchase?.isTrying != true {
            dueAt = now
        }
    }

    /// Switches it off; what is in flight is looked at soon. Something that is off stays as it is.
    ///
    /// - Returns: whether it was on.
    @discardableResult
    package mutating func switchOff(_ reason: OffReason, at now: Timestamp) -> Bool {
        guard isOn else { return false }
        off = Off(reason: reason, at: now)
        lookSoon(at: now)
        return true
    }

    // MARK: What falls due

    /// Says what is to be done now and that it is under way.
    ///
    /// - Parameter id: a new purchase's.
    package mutating func proceed(
        _ situation: Situation, id: UUID, at now: Timestamp
    ) -> (step: Step, news: [News]) {
        guard let dueAt, dueAt <= now else { return (.rest, []) }
        var news: [News] = []
        if isOn, situation.offer?.sellsTheSame(as: consent.terms) != true,
            switchOff(.packChanged, at: now)
        {
            news = [.off(.packChanged)]
        }
        guard let inFlight else { return (begin(situation, id: id, at: now), news) }
        if isUnderWay(inFlight, at: now), mayCharge(situation) {
            self.dueAt = now.adding(seconds: Self.lease)
            return (.charge(inFlight), news)
        }
        let mayTry =
            inFlight.status == .open && !inFlight.isTrying
            && inFlight.terms.sellsTheSame(as: consent.terms)
            && mayCharge(situation)
        guard mayTry else {
            purchase?.status = .givingUp
            return (givingUp(at: now), news)
        }
        if let next = outage?.nextTryAt, now < next {
            self.dueAt = next
            return (.rest, news)
        }
        return (tryOnce(situation.card, at: now), news)
    }

    private mutating func begin(
        _ situation: Situation, id: UUID, at now: Timestamp
    ) -> Step {
        // Nothing that is held back is made up later: the next charge asks anew.
        dueAt = nil
        guard mayCharge(situation), !isTooSoon(at: now) else { return .rest }
        purchase = TopUpPurchase(
            id: id, userID: userID, terms: consent.terms, begunAt: now, triedAt: now)
        return tryOnce(situation.card, at: now)
    }

    private func isTooSoon(at now: Timestamp) -> Bool {
        if let outage, now < outage.nextTryAt { return true }
        guard inFlight == nil, let lastActiveAt else { return false }
        return now < lastActiveAt.adding(seconds: Self.purchasePause)
    }

    private func mayCharge(_ situation: Situation) -> Bool {
        situation.isLow && situation.mayBuy && mayChargeAtAll
    }

    private var mayChargeAtAll: Bool { isOn && paidThisMonth < consent.monthlyMaximum }

    /// Whether a try may begin now, for all that is known here.
    func mayTry(at now: Timestamp) -> Bool {
        mayChargeAtAll && inFlight?.isTrying != true && !isTooSoon(at: now)
    }

    private mutating func tryOnce(_ card: String?, at now: Timestamp) -> Step {
        guard var next = purchase else { return .rest }
        next.tries += 1
        next.triedAt = now
        next.isTrying = true
        next.card = card
        purchase = next
        lastActiveAt = now
        dueAt = now.adding(seconds: Self.lease)
        return .charge(next)
    }

    private mutating func givingUp(at now: Timestamp) -> Step {
        dueAt = now.adding(seconds: Self.lease)
        return purchase.map { .giveUp($0) } ?? .rest
    }
}

extension TopUpState {
    /// What has failed is done again later, after what is due of others.
    mutating func putOff(at now: Timestamp) {
        if let dueAt, dueAt <= now { self.dueAt = now.adding(seconds: Self.lease) }
    }

    /// The same as it is loaded at another time.
    package mutating func load(dueAt: Timestamp?, paidThisMonth: Int64) {
        self.dueAt = dueAt
        self.paidThisMonth = paidThisMonth
    }
}
