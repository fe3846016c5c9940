import Foundation
import Ledger
import Testing

@Suite("A user's customer at Stripe")
struct CustomerTests {
    var ledger = TestLedger()

    @Test("The first customer stays")
    mutating func firstStays() {
        let user = ledger.newUser()
        #expect(ledger.apply(LinkCustomer(userID: user, customerID: "cus_1")) == "cus_1")
        #expect(ledger.apply(LinkCustomer(userID: user, customerID: "cus_2")) == "cus_1")
    }

    @Test("The history tells when a customer was linked and when it was deleted, with its id")
    mutating func history() {
        let user = ledger.newUser()
        let before = ledger.history.count
        ledger.apply(LinkCustomer(userID: user, customerID: "cus_1"))
        ledger.apply(LinkCustomer(userID: user, customerID: "cus_2"))
        ledger.apply(UnlinkCustomer(userID: user, customerID: "cus_1"))
        let lines = ledger.history.dropFirst(before)
        #expect(lines.map(\.event) == ["customer_linked", "customer_deleted"])
        #expect(lines.map(\.stripeCustomerID) == ["cus_1", nil])
        #expect(lines.map(\.stripeSubscriptionID) == [nil, nil])
    }

    @Test("A deleted customer makes room for a new one, and only for its own user")
    mutating func deleted() {
        let user = ledger.newUser()
        ledger.apply(LinkCustomer(userID: user, customerID: "cus_1"))
        #expect(ledger.apply(UnlinkCustomer(userID: user, customerID: "cus_9")) == .notTheirs)
        #expect(ledger.apply(UnlinkCustomer(userID: user, customerID: "cus_1")) == .unlinked)
        #expect(ledger.accounts[user]!.subscription.stripeCustomerID == nil)
        #expect(ledger.apply(UnlinkCustomer(userID: user, customerID: "cus_1")) == .notTheirs)
        #expect(ledger.apply(LinkCustomer(userID: user, customerID: "cus_2")) == "cus_2")
    }

    @Test("The end of a deleted customer's subscription comes first, and does not bring it back")
    mutating func subscribed() {
        let user = ledger.newUser()
        let stages = [
            BillingLife.stage(0, TestLedger.plus, .trialing, BillingLife.trial),
            BillingLife.stage(
                3, TestLedger.plus, .canceled, BillingLife.trial, canceledOn: 3),
        ].map { ApplyBilling(userID: user, snapshot: $0.snapshot) }
        ledger.apply(stages[0])
        ledger.advance(days: 3)
        let unlink = UnlinkCustomer(userID: user, customerID: "cus_1")
        #expect(ledger.apply(unlink) == .stillSubscribed("sub_1"))
        #expect(ledger.accounts[user]!.subscription.stripeCustomerID == "cus_1")
        ledger.apply(stages[1])
        #expect(ledger.apply(unlink) == .unlinked)
        ledger.apply(stages[1])
        #expect(ledger.accounts[user]!.subscription.stripeCustomerID == nil)
    }
}
