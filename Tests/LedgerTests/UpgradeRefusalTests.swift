import Ledger
import Testing

@Suite("Which upgrades are refused")
struct UpgradeRefusalTests {
    private func refusal(
        from plan: Plan = TestLedger.plus, to new: Plan = TestLedger.pro,
        _ status: Subscription.Status = .active, isBilled: Bool = true, ends: Bool = false
    ) -> UpgradeRefusal? {
        UpgradeStanding(plan: plan, isBilled: isBilled, status: status, cancelAtPeriodEnd: ends)
            .refusal(of: new)
    }

    private func lowering(
        from plan: Plan = TestLedger.pro, to new: Plan = TestLedger.plus,
        _ status: Subscription.Status = .active, isBilled: Bool = true, ends: Bool = false,
        by move: PlanMove? = .downgrade
    ) -> UpgradeRefusal? {
        UpgradeStanding(plan: plan, isBilled: isBilled, status: status, cancelAtPeriodEnd: ends)
            .refusal(of: new, by: move)
    }

    @Test(
        "A downgrade is refused as an upgrade is, and the other way of each is told",
        arguments: byStatus)
    func downgrade(status: Subscription.Status, expected: UpgradeRefusal?) {
        #expect(lowering(status) == expected)
        #expect(lowering(status, by: nil) == expected)
        #expect(lowering(from: TestLedger.plus, to: TestLedger.pro, status) == .upgrade)
        #expect(lowering(to: TestLedger.pro, status) == .samePlan)
        #expect(lowering(from: TestLedger.free, isBilled: false) == .checkoutRequired)
        #expect(lowering(to: TestLedger.free, status, ends: true) == .cancellationPending)
    }

    static let byStatus: [(Subscription.Status, UpgradeRefusal?)] = [
        (.active, nil), (.trialing, nil), (.pastDue, .paymentPastDue), (.unpaid, .paymentPastDue),
        (.incomplete, .paymentIncomplete), (.paused, .paused),
        (.incompleteExpired, .checkoutRequired), (.canceled, .checkoutRequired),
    ]

    @Test("Only a subscription that is paid for, or on trial, can be upgraded", arguments: byStatus)
    func status(status: Subscription.Status, expected: UpgradeRefusal?) {
        #expect(refusal(status) == expected)
    }

    @Test("No status of Stripe's is forgotten")
    func everyStatus() {
        #expect(Set(Self.byStatus.map(\.0)) == Set(Subscription.Status.allCases))
    }

    @Test("What makes no sense is told before what is owed")
    func order() {
        #expect(refusal(to: TestLedger.plus, .pastDue) == .samePlan)
        #expect(refusal(from: TestLedger.pro, to: TestLedger.plus, .pastDue) == .downgrade)
        #expect(refusal(from: TestLedger.free, isBilled: false) == .checkoutRequired)
        #expect(refusal(.pastDue, ends: true) == .cancellationPending)
    }
}
