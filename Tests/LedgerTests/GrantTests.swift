import Foundation
import Ledger
import Testing
import Values

@Suite("What a period is granted")
struct GrantTests {
    var ledger = TestLedger()

    private func adjust(_ user: UUID, _ micros: Int64, _ cause: String) -> AdjustCredits {
        AdjustCredits(userID: user, credits: Credits(clamping: micros), reason: "x", cause: cause)
    }

    @Test("An adjustment leaves a period between nothing and a billion, both included")
    mutating func bounds() {
        let user = ledger.newUser()
        let most = Credits.maximum.micros
        let granted = ledger.context(user).allocated.micros
        let room = Credits(clamping: most - granted)
        #expect(
            ledger.apply(adjust(user, most - granted + 1, "too much"))
                == .wouldExceedMaximum(room: room))
        #expect(ledger.apply(adjust(user, -granted - 1, "too little")) == .wouldBeNegative)
        #expect(ledger.context(user).allocated.micros == granted && ledger.grants.count == 1)
        ledger.apply(adjust(user, most - granted, "up"))
        #expect(ledger.context(user).allocated == .maximum)
        #expect(ledger.apply(adjust(user, 1, "more")) == .wouldExceedMaximum(room: .zero))
        ledger.apply(adjust(user, -most, "down"))
        #expect(ledger.context(user).allocated == .zero)
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test("A refused adjustment can be made again under its name, with an amount that fits")
    mutating func refusedIsNotMade() {
        let user = ledger.newUser()
        ledger.apply(adjust(user, -26_000_000, "ticket"))
        guard case .adjusted(let account) = ledger.apply(adjust(user, -25_000_000, "ticket")) else {
            Issue.record("the name was used up by a refusal")
            return
        }
        #expect(account.context.allocated == .zero)
    }

    @Test("An adjustment's grant keeps its reason")
    mutating func reason() {
        let user = ledger.newUser()
        ledger.apply(adjust(user, 1, "ticket"))
        let grant = ledger.grants.last
        #expect(grant?.kind == .adjustment && grant?.reason == "x" && grant?.cause == "ticket")
    }

    @Test("What is left to spend is never shown below zero")
    mutating func neverBelowZero() {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: .plus()))
        for number in 0..<27 { _ = ledger.commit(user, ledger.reserve(user, "\(number)")) }
        ledger.advance(days: 1)
        _ = ledger.reserve(user, "held")
        ledger.apply(
            ApplyBilling(
                userID: user, snapshot: .plus(invoice: nil, isRevoked: true)))
        let context = ledger.context(user)
        #expect(context.allocated < context.used + context.reserved)
        #expect(context.remaining == .zero)
    }

    @Test(
        "An upgrade grants nothing where the status does not entitle, and its share once it does",
        arguments: Subscription.Status.allCases.filter { !$0.entitles })
    mutating func upgradeNeedsEntitlement(status: Subscription.Status) {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: .plus()))
        let before = ledger.grants
        let over = status == .canceled || status == .incompleteExpired
        ledger.apply(
            ApplyBilling(
                userID: user,
                snapshot: .plus(TestLedger.pro, status, invoicedPlan: TestLedger.plus)))
        #expect(!ledger.grants.dropFirst(before.count).contains { $0.kind == .upgrade })
        #expect(ledger.context(user).allocated.decimal == (over ? "25.00" : "500.00"))
        if over { return }
        ledger.apply(
            ApplyBilling(
                userID: user,
                snapshot: .plus(TestLedger.pro, invoicedPlan: TestLedger.plus)))
        #expect(ledger.context(user).allocated.decimal == "2000.00")
    }

    @Test("A lower plan keeps the period's credits; the next period grants the lower")
    mutating func lowerPlan() {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: .plus(TestLedger.pro)))
        _ = ledger.commit(user, ledger.reserve(user))
        ledger.advance(days: 10)
        let lowered = BillingSnapshot.plus(invoicedPlan: TestLedger.pro)
        ledger.apply(ApplyBilling(userID: user, snapshot: lowered))
        #expect(ledger.accounts[user]!.subscription.planID == TestLedger.plus.id)
        #expect(ledger.context(user).remaining.decimal == "1999.00")
        ledger.advance(days: 20)
        ledger.apply(
            ApplyBilling(userID: user, snapshot: .plus(invoice: "in_2", from: 30)))
        #expect(ledger.context(user).remaining.decimal == "500.00")
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test("Every change of a subscription is a line of its history, and nothing else is")
    mutating func history() {
        let user = ledger.newUser()
        let steps: [BillingSnapshot] = [
            .plus(), .plus(), .plus(TestLedger.pro, invoicedPlan: TestLedger.plus),
            .plus(TestLedger.pro, .pastDue, invoicedPlan: TestLedger.plus),
            .plus(TestLedger.pro, invoice: nil, isRevoked: true),
        ]
        for step in steps {
            _ = ledger.reserve(user, UUID().uuidString)
            ledger.apply(SettleAccount(userID: user))
            ledger.apply(ApplyBilling(userID: user, snapshot: step))
        }
        let lines = ledger.history.map { "\($0.event) \($0.status.rawValue)" }
        #expect(
            lines == [
                "activated active", "activated active", "upgraded active",
                "payment_past_due past_due", "revoked active",
            ])
        #expect(
            ledger.history.map(\.planID)
                == [
                    TestLedger.free, TestLedger.plus, TestLedger.pro, TestLedger.pro,
                    TestLedger.free,
                ].map(\.id))
    }
}
