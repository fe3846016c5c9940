import CareerDomain
import Foundation
import Testing

@Suite("Stripe's state becomes the account's")
struct BillingTests {
    var ledger = TestLedger()

    private func snapshot(
        _ plan: Plan = TestLedger.plus, _ status: Subscription.Status = .active,
        invoice: String? = "in_1", from start: Int64 = 0, days: Int64 = 30,
        endedAfter: Int64? = nil, isRevoked: Bool = false, changedAfter: Int64? = nil,
        invoicedPlan: Plan? = nil, subscription: String = "sub_1"
    ) -> BillingSnapshot {
        let begin = TestLedger.start.adding(seconds: start * 86_400)
        return BillingSnapshot(
            customerID: "cus_1", subscriptionID: subscription, planID: plan.id, status: status,
            cancelAtPeriodEnd: false, canceledAt: nil,
            endedAt: endedAfter.map { TestLedger.start.adding(seconds: $0 * 86_400) },
            trialEnd: nil,
            paid: invoice.map {
                BillingSnapshot.PaidPeriod(
                    invoiceID: $0, planID: (invoicedPlan ?? plan).id, start: begin,
                    end: begin.adding(seconds: days * 86_400))
            },
            isRevoked: isRevoked,
            changedPlanAt: changedAfter.map { TestLedger.start.adding(seconds: $0 * 86_400) })
    }

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

    @Test("A second subscription and a canceled unknown one are not taken over")
    mutating func others() {
        let user = ledger.newUser()
        let gone = snapshot(TestLedger.plus, .canceled, endedAfter: 1)
        #expect(ledger.apply(ApplyBilling(userID: user, snapshot: gone)) == .notTheirs)
        ledger.apply(ApplyBilling(userID: user, snapshot: snapshot()))
        let before = ledger.accounts[user]
        let second = snapshot(TestLedger.pro, invoice: "in_9", subscription: "sub_2")
        #expect(
            ledger.apply(ApplyBilling(userID: user, snapshot: second))
                == .otherSubscription(current: "sub_1"))
        #expect(ledger.accounts[user] == before)
    }
}
