import Foundation
import Ledger
import Testing
import Values

/// What happens to a subscription one after another, of which a year is a part: up to six events,
/// each with what Stripe says from then on.
struct YearMove: Sendable, CustomTestStringConvertible {
    let name: String
    let events: [(at: Timestamp, snapshot: BillingSnapshot)]
    /// What is allocated in the end.
    let allocated: String
    /// Whether all money of the latest period goes back. Heard of before the period itself, that is
    /// never granted: then the month that goes on is another one.
    var isRevoked: Bool { events.last?.snapshot.isRevoked ?? false }

    var testDescription: String { name }

    private static func at(_ month: Int64, _ day: Int64 = 0) -> Timestamp {
        TestLedger.start.adding(months: month).adding(seconds: day * 86_400)
    }

    private init(
        _ name: String, _ allocated: String, _ steps: [(Timestamp, (inout Years) -> Void)]
    ) {
        self.name = name
        self.allocated = allocated
        var stripe = Years()
        var events: [(at: Timestamp, snapshot: BillingSnapshot)] = []
        for (instant, step) in steps {
            step(&stripe)
            events.append((instant, stripe.snapshot))
        }
        self.events = events
    }

    static let all: [YearMove] = [
        YearMove(
            "month to a higher year, a part of it back, the refund failed, canceled", "25.00",
            [
                (at(0), { $0.pay(Years.plus, "in_1", from: at(0)) }),
                (at(0, 9), { $0.takeYear(Years.proYearly, "in_2", at: at(0, 9)) }),
                (at(2, 10), { $0.periods[1].money = .init(paid: 40_000, returned: 9_999) }),
                (at(4, 10), { $0.periods[1].money = .init(paid: 40_000, returned: 0) }),
                (
                    at(5, 20),
                    {
                        $0.status = .canceled
                        $0.endedAt = at(5, 20)
                    }
                ),
            ]),
        YearMove(
            "month to a higher year that is paid late, then a part of it back", "1500.00",
            [
                (at(0), { $0.pay(Years.plus, "in_1", from: at(0)) }),
                (
                    at(0, 9),
                    {
                        $0.plan = Years.proYearly
                        $0.status = .pastDue
                    }
                ),
                (
                    at(0, 12),
                    {
                        $0.status = .active
                        $0.takeYear(Years.proYearly, "in_2", at: at(0, 9))
                    }
                ),
                (at(3, 10), { $0.periods[1].money = .init(paid: 40_000, returned: 10_000) }),
                (at(7, 10), { _ in }),
            ]),
        YearMove(
            "higher within the year, its money back in parts, then the year's", "375.00",
            [
                (at(0), { $0.pay(from: at(0)) }),
                (at(2, 3), { $0.upgrade(at: at(2, 3), isPaid: false) }),
                (
                    at(2, 4),
                    {
                        $0.changes = []
                        $0.upgrade(at: at(2, 3))
                    }
                ),
                (at(4, 1), { $0.giveBackUpgrade(333) }),
                (at(5, 1), { $0.giveBackUpgrade(1000) }),
                (at(6, 1), { $0.giveBack(5_000) }),
            ]),
        YearMove(
            "up and down again within the year, then a part of the year's money back", "250.00",
            [
                (at(0), { $0.pay(from: at(0)) }),
                (at(2, 3), { $0.upgrade(at: at(2, 3)) }),
                (at(5, 3), { $0.lower(at: at(5, 3)) }),
                (at(7, 3), { $0.giveBack(10_000) }),
                (at(8, 3), { $0.giveBackUpgrade(1000) }),
                (at(9, 3), { _ in }),
            ]),
        YearMove(
            "year to the month at its end, paid late", "2000.00",
            [
                (at(0), { $0.pay(Years.proYearly, from: at(0)) }),
                (at(3), { _ in }),
                (
                    at(12),
                    {
                        $0.plan = Years.pro
                        $0.status = .pastDue
                    }
                ),
                (
                    at(12, 2),
                    {
                        $0.status = .active
                        $0.pay(Years.pro, "in_2", from: at(12))
                    }
                ),
                (at(12, 20), { $0.periods[0].money = .init(paid: 40_000, returned: 20_000) }),
            ]),
        YearMove(
            "month to a lower year at its end, the year renewed, and all of that back", "25.00",
            [
                (at(0), { $0.pay(Years.pro, "in_1", from: at(0)) }),
                (at(1), { $0.plan = Years.plusYearly }),
                (at(1, 1), { $0.pay(Years.plusYearly, "in_2", from: at(1)) }),
                (at(13, 1), { $0.pay(Years.plusYearly, "in_3", from: at(13)) }),
                (at(14, 5), { $0.periods[2].money = .init(paid: 20_000, returned: 7_000) }),
                (at(15, 5), { $0.periods[2].money = .init(paid: 20_000, returned: 20_000) }),
            ]),
        YearMove(
            "a trial that becomes a year, upgraded, and ended with it", "25.00",
            [
                (
                    at(0),
                    {
                        $0.pay(Years.plusYearly, "in_1", from: at(0))
                        $0.periods[0].end = at(0, 7)
                        $0.periods[0].isTrial = true
                        ($0.status, $0.trialEnd) = (.trialing, at(0, 7))
                    }
                ),
                (
                    at(0, 7),
                    {
                        $0.status = .active
                        $0.pay(Years.plusYearly, "in_2", from: at(0, 7))
                    }
                ),
                (at(4, 20), { $0.upgrade(at: at(4, 20)) }),
                (
                    at(12, 7),
                    {
                        $0.status = .canceled
                        $0.endedAt = at(12, 7)
                    }
                ),
                (at(12, 8), { _ in }),
            ]),
    ]
}

@Suite("The order of the events of a move that involves a year does not matter")
struct YearOrderTests {
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

    /// Delivers the events in this order, then each once more in the reverse one. None comes before
    /// it happened, so each shows the subscription after the latest event that was delivered until
    /// then. What was fetched when an earlier event happened is applied after that, by the number
    /// of its fetch, and changes nothing.
    private func deliver(_ order: [Int], of move: YearMove) -> (ends: [String], broken: [String]) {
        var ledger = TestLedger(Years.rules())
        let user = ledger.newUser()
        var (seen, number, stale) = (0, Int64(0), [String]())
        ledger.counters[move.events[0].snapshot.subscriptionID] = FencingCounters(
            issued: Int64(4 * order.count), applied: 0)
        for event in order + order.reversed() {
            seen = max(seen, event)
            ledger.now = move.events[seen].at
            number += 2
            ledger.apply(
                ApplyBilling(userID: user, snapshot: move.events[seen].snapshot, token: number))
            guard event < seen else { continue }
            let late = ApplyBilling(
                userID: user, snapshot: move.events[event].snapshot, token: number - 1)
            if ledger.apply(late) != .outOfDate { stale.append("\(event) after \(seen)") }
        }
        let (subscription, context) = (ledger.accounts[user]!.subscription, ledger.context(user))
        var ends = [
            context.allocated.decimal, context.owed.decimal, subscription.planID.text,
            subscription.status.rawValue,
            "\(context.year.map { "\($0.withheld.decimal) \($0.invoiceID)" } ?? "no year")",
        ]
        if !move.isRevoked {
            ends += [
                context.period.start.rfc3339, context.period.end.rfc3339,
                context.periodPlanID.text, context.anchor.rfc3339,
            ]
        }
        return (ends, ledger.brokenInvariants() + stale)
    }

    @Test(
        "Every order of its events, each delivered twice, ends in the same state",
        arguments: YearMove.all)
    func everyOrder(move: YearMove) {
        let inOrder = Array(move.events.indices)
        let expected = deliver(inOrder, of: move)
        #expect(expected.ends[0] == move.allocated && expected.broken.isEmpty)
        var different: [String] = []
        for order in permutations(of: inOrder) {
            let (ends, broken) = deliver(order, of: move)
            if ends != expected.ends || !broken.isEmpty {
                different.append("\(order): \(ends) \(broken)")
            }
        }
        #expect(
            different.isEmpty,
            "\(different.count) orders, not \(expected.ends): \(different.prefix(2))")
    }
}
