import Foundation
import Ledger
import Testing
import Values

/// A subscription's life at Stripe: what it looks like after each of its events. A handler always
/// fetches the subscription as it is, so an event that comes late shows a later state.
struct BillingLife: Sendable, CustomTestStringConvertible {
    struct Stage: Sendable {
        let at: Timestamp
        let snapshot: BillingSnapshot
    }

    let testDescription: String
    let stages: [Stage]

    /// A period that was paid for, in days from the ledger's start.
    struct Paid: Sendable {
        let invoice: String
        let plan: Plan
        let from: Int64
        let to: Int64
    }

    static let trial = Paid(invoice: "in_1", plan: TestLedger.plus, from: 0, to: 7)
    static let first = Paid(invoice: "in_2", plan: TestLedger.plus, from: 7, to: 37)
    static let second = Paid(invoice: "in_3", plan: TestLedger.pro, from: 37, to: 67)

    static func day(_ day: Int64, hours: Int64 = 0) -> Timestamp {
        TestLedger.start.adding(seconds: day * 86_400 + hours * 3600)
    }

    static func stage(
        _ days: Int64, hours: Int64 = 0, _ plan: Plan = TestLedger.plus,
        _ status: Subscription.Status = .active, _ paid: Paid, endsWithPeriod: Bool = false,
        canceledOn: Int64? = nil, upgradedOn: Int64? = nil
    ) -> Stage {
        let at = day(days, hours: hours)
        return Stage(
            at: at,
            snapshot: BillingSnapshot(
                customerID: "cus_1", subscriptionID: "sub_1", planID: plan.id, status: status,
                cancelAtPeriodEnd: endsWithPeriod, canceledAt: canceledOn.map { day($0) },
                endedAt: status == .canceled ? at : nil, trialEnd: day(7),
                paid: BillingSnapshot.PaidPeriod(
                    invoiceID: paid.invoice, planID: paid.plan.id, start: day(paid.from),
                    end: day(paid.to)),
                isRevoked: false, changedPlanAt: upgradedOn.map { day($0) }))
    }

    static let bought = [
        stage(0, TestLedger.plus, .trialing, trial),
        // The trial is over, its first real invoice a draft for an hour.
        stage(7, TestLedger.plus, .active, trial),
        stage(7, hours: 1, TestLedger.plus, .active, first),
        stage(17, TestLedger.pro, .active, first, upgradedOn: 17),
    ]

    static let all = [
        BillingLife(
            testDescription: "upgraded, then to end with its period",
            stages: bought + [
                stage(
                    20, TestLedger.pro, .active, first, endsWithPeriod: true, canceledOn: 20,
                    upgradedOn: 17)
            ]),
        BillingLife(
            testDescription: "upgraded, ended with its period",
            stages: bought + [
                stage(
                    20, TestLedger.pro, .active, first, endsWithPeriod: true, canceledOn: 20,
                    upgradedOn: 17),
                stage(37, TestLedger.pro, .canceled, first, canceledOn: 20, upgradedOn: 17),
            ]),
        BillingLife(
            testDescription: "past due, then paid",
            stages: bought + [
                stage(37, hours: 1, TestLedger.pro, .pastDue, first, upgradedOn: 17),
                stage(39, TestLedger.pro, .active, second, upgradedOn: 17),
            ]),
        BillingLife(
            testDescription: "never paid again",
            stages: Array(bought.dropFirst()) + [
                stage(37, hours: 1, TestLedger.pro, .pastDue, first, upgradedOn: 17),
                stage(41, TestLedger.pro, .unpaid, first, upgradedOn: 17),
                stage(50, TestLedger.pro, .canceled, first, canceledOn: 50, upgradedOn: 17),
            ]),
        BillingLife(
            testDescription: "canceled within its trial",
            stages: [
                stage(0, TestLedger.plus, .trialing, trial),
                stage(2, TestLedger.plus, .trialing, trial, endsWithPeriod: true, canceledOn: 2),
                stage(3, TestLedger.plus, .canceled, trial, canceledOn: 3),
            ]),
        BillingLife(
            testDescription: "canceled and resumed",
            stages: bought + [
                stage(
                    20, TestLedger.pro, .active, first, endsWithPeriod: true, canceledOn: 20,
                    upgradedOn: 17),
                stage(21, TestLedger.pro, .active, first, upgradedOn: 17),
            ]),
    ]
}

/// All of an account that the order of events must not change. The number of a period may differ:
/// who never heard of a period does not count it.
private struct Standing: Hashable {
    let subscription: [String]
    let trialUsed: Bool
    let start: Timestamp
    let end: Timestamp
    let source: BillingPeriod.Source
    let anchor: Timestamp
    let periodPlan: UUID
    let allocated: Credits
    let used: Credits
    let reserved: Credits

    init(_ account: Account) {
        let known = account.subscription
        subscription = [
            known.planID.uuidString, known.status.rawValue, known.stripeCustomerID ?? "-",
            known.stripeSubscriptionID ?? "-", "\(known.cancelAtPeriodEnd)",
            known.canceledAt?.rfc3339 ?? "-", known.trialEnd?.rfc3339 ?? "-",
        ]
        trialUsed = known.trialUsed
        let context = account.context
        (start, end, source) = (context.period.start, context.period.end, context.period.source)
        anchor = context.anchor
        periodPlan = context.periodPlanID
        (allocated, used, reserved) = (context.allocated, context.used, context.reserved)
    }
}

@Suite("The order of Stripe's events does not matter")
struct BillingLifeTests {
    /// A user whose checkout has made a customer.
    private func newUser(_ ledger: inout TestLedger) -> UUID {
        let user = ledger.newUser()
        ledger.apply(LinkCustomer(userID: user, customerID: "cus_1"))
        return user
    }

    /// Delivers the events in this order. None comes before it happened, so each shows the
    /// subscription after the latest event that was delivered until then.
    private func deliver(_ order: [Int], of life: BillingLife) -> (Standing, [String]) {
        var ledger = TestLedger()
        let user = newUser(&ledger)
        var seen = 0
        for event in order + order.reversed() {
            seen = max(seen, event)
            let stage = life.stages[seen]
            ledger.now = stage.at
            ledger.apply(ApplyBilling(userID: user, snapshot: stage.snapshot))
        }
        return (Standing(ledger.accounts[user]!), ledger.brokenInvariants())
    }

    @Test(
        "Every order of a subscription's life events, each delivered twice, ends in the same state",
        arguments: BillingLife.all)
    func everyOrder(life: BillingLife) {
        let inOrder = Array(life.stages.indices)
        let (expected, _) = deliver(inOrder, of: life)
        var different: [[Int]] = []
        for order in permutations(of: inOrder) {
            let (standing, broken) = deliver(order, of: life)
            if standing != expected || !broken.isEmpty { different.append(order) }
        }
        #expect(different.isEmpty, "\(different.count) orders, the first: \(different.prefix(3))")
    }

    @Test("In order, each life comes to what was paid for")
    func inOrder() {
        let ends = BillingLife.all.map { life in
            let (standing, broken) = deliver(Array(life.stages.indices), of: life)
            #expect(broken.isEmpty)
            return "\(standing.allocated.decimal) until \(standing.end.rfc3339)"
        }
        #expect(
            ends == [
                "1500.00 until 2026-03-09T12:00:00Z",
                "25.00 until 2026-04-09T12:00:00Z",
                "2000.00 until 2026-04-08T12:00:00Z",
                "25.00 until 2026-04-22T12:00:00Z",
                "25.00 until 2026-02-07T12:00:00Z",
                "1500.00 until 2026-03-09T12:00:00Z",
            ])
    }

    @Test("Deleted before completed: the trial is used, and nothing but Free is left")
    func deletedBeforeCompleted() {
        var ledger = TestLedger()
        let user = newUser(&ledger)
        ledger.advance(days: 3)
        let over = BillingLife.stage(
            3, TestLedger.plus, .canceled, BillingLife.trial, canceledOn: 3
        ).snapshot
        ledger.apply(ApplyBilling(userID: user, snapshot: over))
        let (after, grants) = (ledger.accounts[user]!, ledger.grants)
        #expect(after.subscription.planID == TestLedger.free.id)
        #expect(after.subscription.stripeSubscriptionID == nil && after.subscription.trialUsed)
        #expect(after.context.remaining.decimal == "25.00")
        // Then comes what should have come first.
        #expect(ledger.apply(ApplyBilling(userID: user, snapshot: over)) == .notTheirs)
        #expect(ledger.accounts[user] == after && ledger.grants == grants)
    }

    @Test("A trial that was given up before it was known is used all the same")
    func trialOfAnother() {
        var ledger = TestLedger()
        let user = newUser(&ledger)
        ledger.advance(days: 80)
        ledger.apply(SettleAccount(userID: user))
        let period = ledger.context(user).period
        let longGone = BillingLife.stage(
            3, TestLedger.plus, .canceled, BillingLife.trial, canceledOn: 3
        ).snapshot
        #expect(ledger.apply(ApplyBilling(userID: user, snapshot: longGone)) == .notTheirs)
        #expect(ledger.accounts[user]!.subscription.trialUsed)
        #expect(ledger.context(user).period == period)
    }

    @Test(
        "A plan is activated by its first payment, whenever that is seen", arguments: [true, false])
    func activation(isSeenUnpaid: Bool) {
        var ledger = TestLedger()
        let user = newUser(&ledger)
        func events(_ paid: BillingLife.Paid?, isFirst: Bool) -> [ApplyBilling.Event] {
            let snapshot = BillingSnapshot(
                customerID: "cus_1", subscriptionID: "sub_1", planID: TestLedger.plus.id,
                status: .active, cancelAtPeriodEnd: false, canceledAt: nil, endedAt: nil,
                trialEnd: nil,
                paid: paid.map {
                    BillingSnapshot.PaidPeriod(
                        invoiceID: $0.invoice, planID: $0.plan.id, start: BillingLife.day($0.from),
                        end: BillingLife.day($0.to), isFirst: isFirst)
                }, isRevoked: false, changedPlanAt: nil)
            let command = ApplyBilling(userID: user, snapshot: snapshot)
            guard case .applied(_, let events) = ledger.apply(command) else { return [] }
            return events
        }
        if isSeenUnpaid { #expect(events(nil, isFirst: false) == [.updated]) }
        #expect(events(BillingLife.trial, isFirst: true) == [.activated])
        #expect(events(BillingLife.trial, isFirst: true) == [])
        ledger.now = BillingLife.day(7)
        #expect(events(BillingLife.first, isFirst: false) == [.renewed])
    }

    @Test("A plan that follows one that was canceled at once is activated by its first payment")
    func activationAfterAnEarlyEnd() {
        var ledger = TestLedger()
        let user = newUser(&ledger)
        for stage in BillingLife.all[4].stages {
            ledger.now = stage.at
            ledger.apply(ApplyBilling(userID: user, snapshot: stage.snapshot))
        }
        func events(paid: Bool) -> [ApplyBilling.Event] {
            let snapshot = BillingSnapshot(
                customerID: "cus_1", subscriptionID: "sub_2", planID: TestLedger.pro.id,
                status: .unpaid, cancelAtPeriodEnd: false, canceledAt: nil, endedAt: nil,
                trialEnd: nil,
                paid: paid
                    ? BillingSnapshot.PaidPeriod(
                        invoiceID: "in_9", planID: TestLedger.pro.id, start: BillingLife.day(3),
                        end: BillingLife.day(33), isFirst: true) : nil,
                isRevoked: false, changedPlanAt: nil)
            let command = ApplyBilling(userID: user, snapshot: snapshot)
            guard case .applied(_, let events) = ledger.apply(command) else { return [] }
            return events
        }
        #expect(!events(paid: false).contains(.activated))
        #expect(events(paid: true) == [.activated])
    }

    private func permutations(of items: [Int]) -> [[Int]] {
        guard let last = items.last else { return [[]] }
        return permutations(of: Array(items.dropLast())).flatMap { shorter in
            (0...shorter.count).map { place in
                var order = shorter
                order.insert(last, at: place)
                return order
            }
        }
    }
}
