import FoundationEssentials
import Ledger
import Testing
import Values

@Suite("A lower plan that follows at the end of what is paid")
struct ScheduledPlanTests {
    private static let day: Int64 = 86_400
    private static let turn = TestLedger.start.adding(seconds: 30 * day)
    private static let follows = ScheduledPlan(planID: TestLedger.plus.id, startsAt: turn)

    private static func period(
        _ invoice: String, _ plan: Plan, from day: Int64
    ) -> BillingSnapshot.PaidPeriod {
        let start = TestLedger.start.adding(seconds: day * Self.day)
        return BillingSnapshot.PaidPeriod(
            invoiceID: invoice, planID: plan.id, start: start,
            end: start.adding(seconds: 30 * Self.day))
    }

    private static func snapshot(
        _ plan: Plan, _ status: Subscription.Status = .active, scheduled: ScheduledPlan? = nil,
        lowerIsPaid: Bool = false, isOver: Bool = false
    ) -> BillingSnapshot {
        var periods = [period("in_1", TestLedger.pro, from: 0)]
        if lowerIsPaid { periods.append(period("in_2", TestLedger.plus, from: 30)) }
        return BillingSnapshot(
            customerID: "cus_1", subscriptionID: "sub_1", planID: plan.id, status: status,
            cancelAtPeriodEnd: false, canceledAt: nil, endedAt: isOver ? turn : nil, trialEnd: nil,
            scheduled: scheduled, periods: periods, changes: [])
    }

    /// What Stripe says one after another: paid, to be lowered, lowered and unpaid, paid again.
    private static let life = [
        snapshot(TestLedger.pro), snapshot(TestLedger.pro, scheduled: follows),
        snapshot(TestLedger.plus), snapshot(TestLedger.plus, lowerIsPaid: true),
    ]

    private func events(
        _ ledger: inout TestLedger, _ snapshot: BillingSnapshot, _ user: UUID, token: Int64? = nil
    ) -> [ApplyBilling.Event] {
        let command = ApplyBilling(userID: user, snapshot: snapshot, token: token)
        guard case .applied(_, let events) = ledger.apply(command) else { return [] }
        return events
    }

    @Test("It is told once, begins with its period, and moves no credit before")
    func life() {
        var ledger = TestLedger()
        let user = ledger.newUser()
        #expect(events(&ledger, Self.life[0], user) == [.activated])
        let before = ledger.accounts[user]!.context
        #expect(events(&ledger, Self.life[1], user) == [.planScheduled])
        #expect(events(&ledger, Self.life[1], user).isEmpty)
        #expect(ledger.accounts[user]!.subscription.scheduled == Self.follows)
        #expect(ledger.accounts[user]!.context.allocated == before.allocated)
        ledger.now = Self.turn
        #expect(events(&ledger, Self.life[2], user) == [.planLowered])
        #expect(ledger.accounts[user]!.subscription.scheduled == nil)
        #expect(ledger.accounts[user]!.context.allocated == before.allocated, "not paid yet")
        #expect(events(&ledger, Self.life[3], user) == [.renewed])
        #expect(
            ledger.accounts[user]!.context.allocated
                == TestLedger.plus.pricing.creditsAllocation)
    }

    @Test("At a trial's end the lower plan grants what it paid for, however the reading is torn")
    func endOfTrial() {
        let trialEnd = TestLedger.start.adding(seconds: 7 * Self.day)
        let trial = BillingSnapshot.PaidPeriod(
            invoiceID: "in_1", planID: TestLedger.pro.id, start: TestLedger.start, end: trialEnd,
            isFirst: true, isTrial: true)
        let month = BillingSnapshot.PaidPeriod(
            invoiceID: "in_2", planID: TestLedger.plus.id, start: trialEnd,
            end: trialEnd.adding(seconds: 31 * Self.day))
        // The subscription and its invoices are fetched one after another, and each may be of
        // before the turn or of after it.
        for (plan, status) in [(TestLedger.pro, .trialing), (TestLedger.plus, .active)]
            as [(Plan, Subscription.Status)]
        {
            for periods in [[trial], [trial, month]] {
                var ledger = TestLedger()
                let user = ledger.newUser()
                func read(
                    _ plan: Plan, _ status: Subscription.Status,
                    _ periods: [BillingSnapshot.PaidPeriod]
                ) -> BillingSnapshot {
                    BillingSnapshot(
                        customerID: "cus_1", subscriptionID: "sub_1", planID: plan.id,
                        status: status, cancelAtPeriodEnd: false, canceledAt: nil, endedAt: nil,
                        trialEnd: trialEnd, scheduled: nil, periods: periods, changes: [])
                }
                _ = events(&ledger, read(TestLedger.pro, .trialing, [trial]), user)
                ledger.now = trialEnd.adding(seconds: Self.day)
                _ = events(&ledger, read(plan, status, periods), user)
                #expect(
                    ledger.context(user).allocated.decimal
                        == (periods.count == 2 ? "500.00" : "2000.00"))
                _ = events(&ledger, read(TestLedger.plus, .active, [trial, month]), user)
                #expect(ledger.context(user).allocated.decimal == "500.00")
                #expect(ledger.brokenInvariants().isEmpty)
            }
        }
    }

    @Test("Taken back, moved to another plan or ended, it follows no longer")
    func takenBack() {
        var ledger = TestLedger()
        let user = ledger.newUser()
        _ = events(&ledger, Self.life[1], user)
        let later = ScheduledPlan(
            planID: TestLedger.plus.id, startsAt: Self.turn.adding(seconds: Self.day))
        let moved = Self.snapshot(TestLedger.pro, scheduled: later)
        #expect(events(&ledger, moved, user) == [.planScheduled])
        #expect(events(&ledger, Self.life[0], user) == [.planUnscheduled])
        _ = events(&ledger, Self.life[1], user)
        #expect(
            events(&ledger, Self.snapshot(TestLedger.pro, .canceled, isOver: true), user)
                == [.ended])
        #expect(ledger.accounts[user]!.subscription.scheduled == nil)
    }

    @Test("A plan that the catalog does not have, or that is the present one, does not follow")
    func unknown() {
        var ledger = TestLedger()
        let user = ledger.newUser()
        for plan in [UUID(), TestLedger.pro.id] {
            let odd = Self.snapshot(
                TestLedger.pro, scheduled: ScheduledPlan(planID: plan, startsAt: Self.turn))
            _ = events(&ledger, odd, user)
            #expect(ledger.accounts[user]!.subscription.scheduled == nil)
        }
    }

    @Test("While its first invoice is unpaid, the old remainder stays in grace and no more comes")
    func unpaid() {
        var ledger = TestLedger()
        let user = ledger.newUser()
        _ = events(&ledger, Self.life[0], user)
        let allocated = ledger.accounts[user]!.context.allocated
        ledger.now = Self.turn.adding(seconds: 3600)
        _ = events(&ledger, Self.snapshot(TestLedger.plus, .pastDue), user)
        #expect(ledger.accounts[user]!.context.allocated == allocated)
        let account = ledger.accounts[user]!
        let grace = TestLedger.rules.pastDueGrace
        #expect(account.isEntitled(at: Self.turn.adding(seconds: grace - 1), grace: grace))
        #expect(!account.isEntitled(at: Self.turn.adding(seconds: grace), grace: grace))
        _ = events(&ledger, Self.life[3], user)
        #expect(
            ledger.accounts[user]!.context.allocated == TestLedger.plus.pricing.creditsAllocation)
    }

    /// Six events are six fetches, each of what Stripe says by then, each applied twice, in every
    /// order in which their workers may come to it.
    @Test("Every order of its events, each twice, ends alike")
    func everyOrder() {
        var ends: Set<[String]> = []
        var fresh = TestLedger()
        let user = fresh.newUser()
        fresh.now = Self.turn.adding(seconds: 3600)
        for order in Self.permutations([0, 1, 2, 3, 4, 5]) {
            var ledger = fresh
            ledger.counters["sub_1"] = FencingCounters(issued: 6, applied: 0)
            for number in order {
                let snapshot = Self.life[[0, 1, 1, 2, 3, 3][number]]
                for _ in 0..<2 {
                    _ = events(&ledger, snapshot, user, token: Int64(number + 1))
                }
            }
            let (subscription, context) =
                (ledger.accounts[user]!.subscription, ledger.accounts[user]!.context)
            ends.insert([
                subscription.planID.text, subscription.status.rawValue,
                subscription.scheduled == nil ? "none" : "follows", context.allocated.decimal,
                context.period.start.rfc3339, context.period.end.rfc3339,
            ])
            let causes = ledger.grants.filter { $0.kind == .plan && $0.cause == "in_2" }
            #expect(causes.count == 1)
        }
        let period = Self.life[3].periods[1]
        #expect(
            ends == [
                [
                    TestLedger.plus.id.text, "active", "none", "500.00", period.start.rfc3339,
                    period.end.rfc3339,
                ]
            ])
    }

    private static func permutations(_ items: [Int]) -> [[Int]] {
        guard items.count > 1 else { return [items] }
        return items.indices.flatMap { index in
            var rest = items
            let first = rest.remove(at: index)
            return permutations(rest).map { [first] + $0 }
        }
    }
}
