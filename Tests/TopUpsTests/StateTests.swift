import Foundation
import Ledger
import Testing
import TopUps
import Values

@Suite("The rules of an automatic top-up")
struct StateTests {
    private static let low = TopUpState.Situation(
        isLow: true, mayBuy: true, offer: World.pack, card: "pm_1")
    private let now = World.start

    private func state(maximum: Int64 = 3, isOn: Bool = true) -> TopUpState {
        let consent = TopUpConsent(
            terms: World.pack, below: Credits(decimal: "10")!, monthlyMaximum: maximum)
        var state = TopUpState(
            userID: UUID(), consent: consent,
            off: nil)
        state.set(consent, isOn: isOn, at: World.start)
        return state
    }

    /// What a charge that left too little leads to.
    private func due(
        _ state: inout TopUpState, _ situation: TopUpState.Situation = low, at now: Timestamp
    ) -> TopUpPurchase? {
        if state.dueAt == nil { state.load(dueAt: now, paidThisMonth: state.paidThisMonth) }
        let step = state.proceed(
            situation, id: .version7(at: now, randomness: 7), at: now
        ).step
        if case .charge(let purchase) = step { return purchase }
        return nil
    }

    @Test("One is in flight, one an hour of its payment, and what was held back is not made up")
    func pauses() throws {
        var state = state()
        let first = try #require(due(&state, at: now))
        #expect(due(&state, at: now) == nil)
        let paid = now.adding(seconds: 1_800)
        state.paid(first.id, by: "in_1", at: paid)
        #expect(due(&state, at: paid.adding(seconds: 3_599)) == nil && state.dueAt == nil)
        #expect(due(&state, at: paid.adding(seconds: 3_600)) != nil)
    }

    @Test("Nothing is bought while it is off, not low, not allowed, above the maximum")
    func brakes() {
        var off = state(isOn: false)
        #expect(due(&off, at: now) == nil)
        for situation in [
            TopUpState.Situation(isLow: false, mayBuy: true, offer: World.pack, card: nil),
            TopUpState.Situation(isLow: true, mayBuy: false, offer: World.pack, card: nil),
        ] {
            var state = state()
            #expect(due(&state, situation, at: now) == nil && state.isOn)
        }
        var full = state(maximum: 1)
        full.load(dueAt: nil, paidThisMonth: 1)
        #expect(due(&full, at: now) == nil)
    }

    @Test("A pack that is sold otherwise switches it off with news, and buys nothing")
    func otherPack() {
        for offer in [nil, World.other] {
            var state = state()
            state.load(dueAt: now, paidThisMonth: state.paidThisMonth)
            let (step, news) = state.proceed(
                TopUpState.Situation(isLow: true, mayBuy: true, offer: offer, card: nil),
                id: UUID(), at: now)
            #expect(step == .rest && news == [.off(.packChanged)] && !state.isOn)
        }
    }

    @Test("A card that declines is tried at 0, 24, 48 and 72 hours, with two mails in all")
    func outage() throws {
        var state = state()
        var told: [TopUpState.News] = []
        for hours in [0, 24, 48, 72] as [Int64] {
            let at = now.adding(seconds: hours * 3_600)
            if hours > 0 { #expect(due(&state, at: at.adding(seconds: -1)) == nil) }
            let tried = try #require(due(&state, at: at))
            #expect(tried.tries == hours / 24 + 1)
            told += state.declined(
                tried.id, try: tried.tries, code: "insufficient_funds", at: at)
            // Heard of twice.
            told += state.declined(
                tried.id, try: tried.tries, code: "insufficient_funds", at: at)
        }
        #expect(told == [.declined, .off(.cardDeclined)] && !state.isOn)
        let end = now.adding(seconds: 72 * 3_600)
        guard case .giveUp(let given) = state.proceed(Self.low, id: UUID(), at: end).step else {
            Issue.record("its invoice stays open")
            return
        }
        state.gaveUp(given.id)
        #expect(state.isBarred(at: end.adding(seconds: 86_399)))
        #expect(!state.isBarred(at: end.adding(seconds: 86_400)))
    }

    @Test(
        "After a code that Stripe says not to retry, it goes off at once",
        arguments: [
            "lost_card", "stolen_card", "incorrect_number", "transaction_not_allowed",
        ])
    func never(code: String) throws {
        var state = state()
        let tried = try #require(due(&state, at: now))
        #expect(
            state.declined(tried.id, try: 1, code: code, at: now) == [.off(.cardDeclined)])
    }

    @Test("Before a try is repeated that the user has ended meanwhile, it is given up")
    func endedMeanwhile() throws {
        var state = state()
        let tried = try #require(due(&state, at: now))
        state.set(state.consent, isOn: false, at: now)
        #expect(!state.isUnderWay(tried, at: now))
        let later = now.adding(seconds: TopUpState.lease)
        guard case .giveUp(let given) = state.proceed(Self.low, id: UUID(), at: later).step else {
            Issue.record("it is not given up")
            return
        }
        #expect(given.id == tried.id)
        // It was paid all the same: it is granted and not charged again.
        state.paid(tried.id, by: "in_1", at: later)
        #expect(state.purchase?.status == .paid && !state.isOn)
    }

    @Test("A try that is taken up again is judged anew: not low, or not allowed, it is given up")
    func takenUpAgain() throws {
        let later = now.adding(seconds: TopUpState.lease)
        for (isLow, mayBuy) in [(false, true), (true, false)] {
            var state = state()
            let tried = try #require(due(&state, at: now))
            let situation = TopUpState.Situation(
                isLow: isLow, mayBuy: mayBuy, offer: World.pack, card: nil)
            let step = state.proceed(situation, id: UUID(), at: later).step
            guard case .giveUp(let given) = step, given.id == tried.id else {
                Issue.record("\(isLow), \(mayBuy): \(step)")
                continue
            }
        }
    }

    @Test("A try for a pack is not paid once another is agreed to")
    func otherPackMeanwhile() throws {
        var state = state()
        let tried = try #require(due(&state, at: now))
        let other = TopUpConsent(
            terms: World.other, below: state.consent.below, monthlyMaximum: 3)
        state.set(other, isOn: true, at: now)
        #expect(!state.isUnderWay(tried, at: now))
    }

    @Test("Who withdraws and agrees again has the tries that are left, with another card all")
    func agreedAnew() throws {
        for (card, failed) in [("pm_1", 2), ("pm_2", 1)] as [(String, Int64)] {
            var state = state()
            let tried = try #require(due(&state, at: now))
            _ = state.declined(tried.id, try: 1, code: "insufficient_funds", at: now)
            state.set(state.consent, isOn: false, at: now)
            state.gaveUp(tried.id)
            state.set(state.consent, isOn: true, card: card, at: now)
            let later = now.adding(seconds: TopUpState.retryPause)
            let next = try #require(due(&state, at: later))
            _ = state.declined(next.id, try: 1, code: "insufficient_funds", at: later)
            #expect(state.outage?.failedTries == failed)
        }
    }

    @Test("A second invoice of one purchase is not paid")
    func oneInvoice() throws {
        var state = state()
        let tried = try #require(due(&state, at: now))
        var answers: [Bool] = []
        for invoice in ["in_1", "in_1", "in_2"] {
            answers.append(state.made(invoice, of: tried.id))
        }
        state.gaveUp(tried.id)
        answers.append(state.made("in_1", of: tried.id))
        #expect(answers == [true, true, false, false])
    }

    @Test("Proof is needed to switch on, to raise and to buy another pack, and for nothing else")
    func proof() {
        let known = state()
        func consent(_ terms: TopUpTerms, _ below: String, _ maximum: Int64) -> TopUpConsent {
            TopUpConsent(terms: terms, below: Credits(decimal: below)!, monthlyMaximum: maximum)
        }
        let same = consent(World.pack, "10", 3)
        for (new, isNeeded) in [
            (same, false), (consent(World.pack, "9", 2), false),
            (consent(World.pack, "11", 3), true), (consent(World.pack, "10", 4), true),
            (consent(World.other, "10", 3), true),
        ] {
            #expect(TopUpState.needsProof(of: new, isOn: true, after: known) == isNeeded)
            #expect(!TopUpState.needsProof(of: new, isOn: false, after: known))
        }
        #expect(TopUpState.needsProof(of: same, isOn: true, after: state(isOn: false)))
        #expect(TopUpState.needsProof(of: same, isOn: true, after: nil))
    }
}
