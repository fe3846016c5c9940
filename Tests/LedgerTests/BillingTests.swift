import Foundation
import Ledger
import Testing
import Values

@Suite("Stripe's state becomes the account's")
struct BillingTests {
    var ledger = TestLedger()

    @Test("A paid invoice starts a period with its plan's grant, once")
    mutating func activation() {
        let user = ledger.newUser()
        _ = ledger.reserve(user)
        for _ in 0..<3 { ledger.apply(ApplyBilling(userID: user, snapshot: snapshot())) }
        #expect(ledger.context(user).allocated.decimal == "500.00")
        #expect(ledger.context(user).reserved == .zero && ledger.context(user).period.number == 2)
        #expect(ledger.accounts[user]!.subscription.planID == TestLedger.plus.id)
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test("An unpaid renewal mints nothing; the old remainder lasts for the grace, then 402")
    mutating func dunning() {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot()))
        _ = ledger.commit(user, ledger.reserve(user))
        ledger.advance(days: 31)
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot(TestLedger.plus, .pastDue)))
        #expect(ledger.context(user).remaining.decimal == "499.00")
        _ = ledger.reserve(user, "in grace")
        ledger.advance(days: 3)
        guard case .denied(.subscriptionInactive, _) = ledger.validate(user, "late") else {
            Issue.record("the grace did not end")
            return
        }
        ledger.apply(
            ApplyBilling(userID: user, snapshot: snapshot(invoice: "in_2", from: 30, days: 31)))
        #expect(ledger.context(user).remaining.decimal == "500.00")
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test(
        "Who pays for a third of the period gets a third of the difference, and keeps what is used")
    mutating func upgrade() {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot()))
        _ = ledger.commit(user, ledger.reserve(user))
        ledger.advance(days: 20)
        let upgraded = snapshot(
            TestLedger.pro, changedAfter: 20, invoicedPlan: TestLedger.plus)
        for _ in 0..<2 { ledger.apply(ApplyBilling(userID: user, snapshot: upgraded)) }
        #expect(ledger.context(user).allocated.decimal == "1000.00")
        #expect(ledger.context(user).used.decimal == "1.00")
        // Down and up again grants nothing twice; the lower plan keeps the period's credits.
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot()))
        #expect(ledger.context(user).allocated.decimal == "1000.00")
        ledger.apply(ApplyBilling(userID: user, snapshot: upgraded))
        #expect(ledger.context(user).allocated.decimal == "1000.00")
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test("Ended at the period's end, a free month begins where the subscription ended")
    mutating func endedInTime() {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot()))
        ledger.advance(days: 30, seconds: 5)
        ledger.apply(
            ApplyBilling(
                userID: user, snapshot: snapshot(TestLedger.plus, .canceled, endedAfter: 30)))
        let context = ledger.context(user)
        #expect(context.period.start == TestLedger.start.adding(seconds: 30 * 86_400))
        #expect(context.allocated.decimal == "25.00")
        #expect(ledger.accounts[user]!.subscription.planID == TestLedger.free.id)
    }

    @Test(
        "Canceled at once or refunded, the period goes on with what Free would have",
        arguments: [false, true])
    mutating func endedEarly(isRevoked: Bool) {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot()))
        _ = ledger.commit(user, ledger.reserve(user))
        ledger.advance(days: 5)
        let over = snapshot(
            TestLedger.plus, isRevoked ? .active : .canceled, invoice: isRevoked ? nil : "in_1",
            endedAfter: isRevoked ? nil : 5, isRevoked: isRevoked)
        for _ in 0..<2 { ledger.apply(ApplyBilling(userID: user, snapshot: over)) }
        #expect(ledger.context(user).remaining.decimal == "24.00")
        #expect(ledger.context(user).period.end == TestLedger.start.adding(seconds: 30 * 86_400))
        ledger.advance(days: 26)
        ledger.apply(SettleAccount(userID: user))
        #expect(ledger.context(user).period.source == .free)
        #expect(ledger.context(user).remaining.decimal == "25.00")
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test("A second subscription and an unknown one that never was paid for are not taken over")
    mutating func others() {
        let user = ledger.newUser()
        let gone = snapshot(TestLedger.plus, .canceled, invoice: nil, endedAfter: 1)
        #expect(ledger.apply(ApplyBilling(userID: user, snapshot: gone)) == .notTheirs)
        let awaited = snapshot(TestLedger.plus, .incomplete, invoice: nil)
        #expect(ledger.apply(ApplyBilling(userID: user, snapshot: awaited)) == .notTheirs)
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot()))
        let before = ledger.accounts[user]
        let second = snapshot(TestLedger.pro, invoice: "in_9", subscription: "sub_2")
        #expect(
            ledger.apply(ApplyBilling(userID: user, snapshot: second))
                == .otherSubscription(current: "sub_1"))
        #expect(ledger.accounts[user] == before)
    }

    @Test("An upgrade in the period's last minute grants that minute's share")
    mutating func lastMinute() {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot()))
        ledger.advance(days: 30, seconds: -60)
        let upgraded = snapshot(
            TestLedger.pro, changedAt: ledger.now, invoicedPlan: TestLedger.plus)
        for _ in 0..<2 { ledger.apply(ApplyBilling(userID: user, snapshot: upgraded)) }
        // 1500 × 60 s / 30 days is 0.0347…
        #expect(ledger.context(user).allocated.decimal == "500.03")
        ledger.advance(seconds: 60)
        ledger.apply(
            ApplyBilling(
                userID: user, snapshot: snapshot(TestLedger.pro, invoice: "in_2", from: 30)))
        #expect(ledger.context(user).allocated.decimal == "2000.00")
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test("A higher plan that nobody has paid for grants nothing, until it is paid for")
    mutating func unpaidUpgrade() {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot()))
        ledger.advance(days: 15)
        for status in [Subscription.Status.active, .pastDue] {
            let unpaid = snapshot(TestLedger.pro, status, invoicedPlan: TestLedger.plus)
            ledger.apply(ApplyBilling(userID: user, snapshot: unpaid))
            #expect(ledger.context(user).allocated.decimal == "500.00")
            #expect(ledger.accounts[user]!.subscription.planID == TestLedger.pro.id)
        }
        ledger.advance(days: 5)
        let paid = snapshot(TestLedger.pro, changedAfter: 15, invoicedPlan: TestLedger.plus)
        for _ in 0..<2 { ledger.apply(ApplyBilling(userID: user, snapshot: paid)) }
        #expect(ledger.context(user).allocated.decimal == "1250.00")
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test("In a trial there is nothing to pay, and a higher plan grants its share")
    mutating func upgradeInTrial() {
        let user = ledger.newUser()
        ledger.apply(
            ApplyBilling(userID: user, snapshot: snapshot(TestLedger.plus, .trialing, days: 6)))
        ledger.advance(days: 3)
        let upgraded = snapshot(
            TestLedger.pro, .trialing, days: 6, invoicedPlan: TestLedger.plus)
        ledger.apply(ApplyBilling(userID: user, snapshot: upgraded))
        #expect(ledger.context(user).allocated.decimal == "1250.00")
    }

    @Test("A lost dispute takes away what is left above Free, never what was used")
    mutating func lostDispute() {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot()))
        for number in 0..<26 { _ = ledger.commit(user, ledger.reserve(user, "\(number)")) }
        ledger.advance(days: 5)
        let lost = snapshot(invoice: nil, isRevoked: true)
        guard
            case .applied(_, let events) = ledger.apply(
                ApplyBilling(userID: user, snapshot: lost))
        else {
            Issue.record("not applied")
            return
        }
        #expect(events == [.revoked])
        #expect(ledger.accounts[user]!.subscription.planID == TestLedger.free.id)
        #expect(ledger.context(user).allocated.decimal == "25.00")
        #expect(ledger.context(user).used.decimal == "26.00")
        guard case .denied(.quotaExceeded, _) = ledger.validate(user, "more") else {
            Issue.record("there was nothing left to grant")
            return
        }
        #expect(ledger.apply(ApplyBilling(userID: user, snapshot: lost)) == .notTheirs)
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test("Money that went back before anything was granted leaves Free as it was")
    mutating func refundedUnseen() {
        let user = ledger.newUser()
        let before = ledger.accounts[user]
        let refunded = snapshot(TestLedger.plus, .canceled, invoice: nil, isRevoked: true)
        #expect(ledger.apply(ApplyBilling(userID: user, snapshot: refunded)) == .notTheirs)
        #expect(ledger.accounts[user] == before)
    }

    @Test("An update of a subscription that is not yet known makes it the account's, as it is now")
    mutating func updatedBeforeCreated() {
        let user = ledger.newUser()
        ledger.advance(days: 20)
        let upgraded = snapshot(TestLedger.pro, changedAfter: 20, invoicedPlan: TestLedger.plus)
        guard
            case .applied(let account, let events) = ledger.apply(
                ApplyBilling(userID: user, snapshot: upgraded))
        else {
            Issue.record("not applied")
            return
        }
        #expect(events == [.activated, .upgraded])
        #expect(account.subscription.stripeSubscriptionID == "sub_1")
        #expect(account.context.allocated.decimal == "1000.00")
    }

    @Test("A subscription that is first seen unpaid is the account's and gives nothing")
    mutating func firstSeenUnpaid() {
        let user = ledger.newUser()
        ledger.advance(days: 35)
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot(TestLedger.plus, .unpaid)))
        #expect(ledger.accounts[user]!.subscription.status == .unpaid)
        guard case .denied(.subscriptionInactive, _) = ledger.validate(user) else {
            Issue.record("granted without a payment")
            return
        }
        ledger.apply(
            ApplyBilling(userID: user, snapshot: snapshot(invoice: "in_2", from: 30)))
        #expect(ledger.context(user).remaining.decimal == "500.00")
    }

    @Test("Two event ids for one change change the account once")
    mutating func twoEventIDs() {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot()))
        let (account, grants) = (ledger.accounts[user]!, ledger.grants)
        ledger.advance(seconds: 1)
        #expect(
            ledger.apply(ApplyBilling(userID: user, snapshot: snapshot())) == .applied(account, []))
        #expect(ledger.accounts[user] == account && ledger.grants == grants)
    }
}
