import FoundationEssentials
import Ledger
import Testing

@Suite("An end of a subscription that is pending")
struct EndingTests {
    var ledger = TestLedger()

    private func snapshot(endsOnDay day: Int64?, isOver: Bool = false) -> BillingSnapshot {
        let start = TestLedger.start
        return BillingSnapshot(
            customerID: "cus_1", subscriptionID: "sub_1", planID: TestLedger.plus.id,
            status: isOver ? .canceled : .active,
            cancelAtPeriodEnd: day != nil && !isOver,
            cancelAt: isOver ? nil : day.map { start.adding(seconds: $0 * 86_400) },
            canceledAt: day.map { _ in start },
            endedAt: isOver ? start.adding(seconds: 30 * 86_400) : nil, trialEnd: nil,
            periods: [
                BillingSnapshot.PaidPeriod(
                    invoiceID: "in_1", planID: TestLedger.plus.id, start: start,
                    end: start.adding(seconds: 30 * 86_400))
            ], changes: [])
    }

    private mutating func apply(
        _ snapshot: BillingSnapshot, to user: UUID
    ) -> [ApplyBilling.Event] {
        guard
            case .applied(_, let events) = ledger.apply(
                ApplyBilling(userID: user, snapshot: snapshot))
        else { return [] }
        return events
    }

    @Test("It has its day, is told once, once more where it is moved, and is gone when taken back")
    mutating func day() {
        let user = ledger.newUser()
        #expect(apply(snapshot(endsOnDay: nil), to: user) == [.activated])
        #expect(apply(snapshot(endsOnDay: 30), to: user) == [.cancellationRequested])
        #expect(apply(snapshot(endsOnDay: 30), to: user).isEmpty)
        #expect(apply(snapshot(endsOnDay: 12), to: user) == [.cancellationRequested])
        let day = TestLedger.start.adding(seconds: 12 * 86_400)
        #expect(ledger.accounts[user]!.subscription.cancelAt == day)
        #expect(apply(snapshot(endsOnDay: nil), to: user) == [.resumed])
        #expect(ledger.accounts[user]!.subscription.cancelAt == nil)
    }

    @Test("What has ended has no end to come")
    mutating func over() {
        let user = ledger.newUser()
        _ = apply(snapshot(endsOnDay: 30), to: user)
        _ = apply(snapshot(endsOnDay: 30, isOver: true), to: user)
        #expect(ledger.accounts[user]!.subscription.cancelAt == nil)
        #expect(!ledger.accounts[user]!.subscription.cancelAtPeriodEnd)
    }
}
