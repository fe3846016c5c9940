import Foundation
import Ledger
import Testing
import Values

@Suite("Which period a payment starts, and how long it may be used")
struct PaidPeriodTests {
    var ledger = TestLedger()

    @Test("A new subscription's period starts though it ends before the old one's")
    mutating func shorterThanTheOld() {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot()))
        ledger.advance(days: 5)
        let over = snapshot(TestLedger.plus, .canceled, endedAfter: 5)
        ledger.apply(ApplyBilling(userID: user, snapshot: over))
        ledger.advance(days: 1)
        let again = snapshot(invoice: "in_2", from: 6, days: 7, subscription: "sub_2")
        for _ in 0..<2 { ledger.apply(ApplyBilling(userID: user, snapshot: again)) }
        #expect(ledger.context(user).period.end == TestLedger.start.adding(seconds: 13 * 86_400))
        #expect(ledger.context(user).allocated.decimal == "500.00")
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test("Within a subscription an earlier period does not come again")
    mutating func earlierPeriod() {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot(from: 5)))
        let before = ledger.context(user)
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot(invoice: "in_0", from: 0)))
        #expect(ledger.context(user) == before)
    }

    @Test("A renewal is due however late it is heard of, and its grace counts from its end")
    mutating func renewalHeardLate() {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot()))
        _ = ledger.commit(user, ledger.reserve(user, "before"))
        ledger.advance(days: 62)
        let late = snapshot(TestLedger.plus, .pastDue, invoice: "in_2", from: 30)
        for _ in 0..<2 { ledger.apply(ApplyBilling(userID: user, snapshot: late)) }
        #expect(ledger.context(user).remaining.decimal == "500.00")
        guard case .granted = ledger.validate(user, "in grace") else {
            Issue.record("refused within the grace")
            return
        }
        ledger.advance(days: 1)
        guard case .denied(.subscriptionInactive, _) = ledger.validate(user, "late") else {
            Issue.record("not refused after the grace")
            return
        }
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test("A paid period that is over, its grace too, does not replace the running free month")
    mutating func lapsedPeriod() {
        let user = ledger.newUser()
        ledger.advance(days: 43)
        _ = ledger.commit(user, ledger.reserve(user))
        let before = ledger.context(user)
        let lapsed = snapshot(TestLedger.plus, .pastDue, from: 10)
        for _ in 0..<2 { ledger.apply(ApplyBilling(userID: user, snapshot: lapsed)) }
        #expect(ledger.context(user).period == before.period)
        #expect(ledger.context(user).remaining.decimal == "24.00")
        // The account says what Stripe says, so there is no difference left to report.
        #expect(ledger.accounts[user]!.subscription.status == .pastDue)
        #expect(ledger.accounts[user]!.subscription.stripeSubscriptionID == "sub_1")
        let paid = snapshot(invoice: "in_2", from: 43)
        ledger.apply(ApplyBilling(userID: user, snapshot: paid))
        #expect(ledger.context(user).remaining.decimal == "500.00")
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test(
        "A paid period starts up to the last second of its grace",
        arguments: [(0, true), (1, false)])
    mutating func lapsedAtTheBoundary(second: Int64, starts: Bool) {
        let user = ledger.newUser()
        ledger.advance(days: 13, seconds: second - 1)
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot(days: 10)))
        #expect((ledger.context(user).period.source == .paid) == starts)
    }

    @Test(
        "What was paid for stays usable for the grace, whatever the status says; then 402",
        arguments: Subscription.Status.allCases)
    mutating func grace(status: Subscription.Status) {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot()))
        ledger.advance(days: 33, seconds: -1)
        let isOver = status == .canceled || status == .incompleteExpired
        ledger.apply(
            ApplyBilling(
                userID: user,
                snapshot: snapshot(TestLedger.plus, status, endedAfter: isOver ? 30 : nil)))
        guard case .granted = ledger.validate(user, "in grace") else {
            Issue.record("refused within the grace")
            return
        }
        ledger.advance(seconds: 1)
        switch ledger.validate(user, "late") {
        // What is over at Stripe has gone back to Free, whose months follow each other.
        case .granted: #expect(isOver)
        case .denied(.subscriptionInactive, _): #expect(!isOver)
        case let outcome: Issue.record("neither granted nor inactive: \(outcome)")
        }
    }

    @Test("Credits spent in the hour between a renewal and its payment come from the old period")
    mutating func hourBeforePayment() {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot()))
        ledger.advance(days: 30)
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot()))
        let spent = ledger.reserve(user, "spent")
        _ = ledger.commit(user, spent)
        ledger.advance(seconds: 3300)
        let held = ledger.reserve(user, "held")
        #expect(ledger.context(user).remaining.decimal == "498.00")
        ledger.advance(seconds: 300)
        ledger.apply(
            ApplyBilling(userID: user, snapshot: snapshot(invoice: "in_2", from: 30)))
        #expect(ledger.context(user).remaining.decimal == "500.00")
        _ = ledger.commit(user, held)
        #expect(ledger.context(user).remaining.decimal == "500.00")
        #expect(ledger.logs[spent]!.periodNumber == ledger.logs[held]!.periodNumber)
        #expect(ledger.logs[held]!.status == .success)
        #expect(ledger.brokenInvariants().isEmpty)
    }
}
