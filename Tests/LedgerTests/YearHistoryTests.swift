import Foundation
import Ledger
import Testing
import Values

/// A random life of a subscription of which years are a part: what Stripe says after each event.
struct YearHistory {
    private(set) var stages: [(at: Timestamp, snapshot: BillingSnapshot)] = []
    private(set) var words: [String] = []
    private var stripe = Years()
    private var now = TestLedger.start
    private var random: SeededGenerator
    private var serial = 1

    static let maximumEvents = 6

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        let plan = [Years.plus, Years.plusYearly, Years.pro, Years.proYearly]
            .randomElement(using: &random)!
        if Int.random(in: 0..<6, using: &random) == 0 {
            stripe.pay(plan, "in_\(serial)", from: now)
            serial += 1
            let end = now.adding(seconds: 7 * 86_400)
            (stripe.periods[0].end, stripe.periods[0].isTrial) = (end, true)
            (stripe.periods[0].money, stripe.status) = (.none, .trialing)
            stripe.trialEnd = end
        } else {
            pay(plan)
        }
        note("on \(plan.name)")
        while stages.count < Self.maximumEvents, stripe.endedAt == nil { happen() }
    }

    private mutating func note(_ word: String) {
        stages.append((now, stripe.snapshot))
        words.append("\(word) on \(now.rfc3339)")
    }

    private mutating func pay(_ plan: Plan) {
        stripe.pay(plan, "in_\(serial)", from: now)
        stripe.periods[stripe.periods.count - 1].money = .init(
            paid: plan.price.amount, returned: 0)
        serial += 1
    }

    var hasEnded: Bool { stripe.endedAt != nil && stages.count > 1 }
    private var running: Years.Period { stripe.periods[stripe.periods.count - 1] }

    private mutating func happen() {
        let jump = Int64.random(in: 0..<(3 * 30 * 86_400), using: &random)
        let next = now.adding(seconds: max(1, jump))
        if next >= running.end {
            now = running.end
            return turn()
        }
        now = next
        guard stripe.status == .active else { return }
        switch Int.random(in: 0..<10, using: &random) {
        case 0...2: raise()
        case 3...4: lower()
        case 5: cancel()
        default: giveBack()
        }
    }

    /// The period ends: it renews, by the same plan or by another that follows, or all is over.
    private mutating func turn() {
        if Int.random(in: 0..<8, using: &random) == 0 {
            (stripe.status, stripe.endedAt) = (.canceled, now)
            return note("ended")
        }
        let isTrial = running.isTrial
        var plan = stripe.plan
        if !isTrial, Int.random(in: 0..<3, using: &random) == 0 {
            plan = [Years.plus, Years.plusYearly, Years.pro, Years.proYearly]
                .randomElement(using: &random)!
        }
        stripe.status = .active
        pay(plan)
        note("renewed by \(plan.name)")
    }

    /// At once: prorated within the interval; a year in place of the month.
    private mutating func raise() {
        switch stripe.plan.id {
        case Years.plus.id where Bool.random(using: &random): change(to: Years.pro)
        case Years.plus.id, Years.pro.id:
            let month = running
            stripe.changes.append(
                BillingSnapshot.PlanChange(
                    id: "ii_\(serial)", at: now, end: month.end, from: stripe.plan.id, to: nil,
                    isPaid: true, givesBack: true))
            pay(Years.proYearly)
            note("a year at once")
        case Years.plusYearly.id: change(to: Years.proYearly)
        default: return
        }
    }

    /// A lower plan by which money goes back, as only Stripe's own pages do it.
    private mutating func lower() {
        switch stripe.plan.id {
        case Years.pro.id: change(to: Years.plus)
        case Years.proYearly.id: change(to: Years.plusYearly)
        default: return
        }
    }

    private mutating func change(to plan: Plan) {
        let isHigher = plan.rank > stripe.plan.rank
        let span = running.end.micros - running.start.micros
        let cents = Int64(
            Int128(abs(plan.price.amount - stripe.plan.price.amount))
                * Int128(running.end.micros - now.micros) / Int128(span))
        stripe.changes.append(
            BillingSnapshot.PlanChange(
                id: "ii_\(serial)", at: now, end: running.end, from: stripe.plan.id, to: plan.id,
                isPaid: true, givesBack: !isHigher,
                money: isHigher ? .init(paid: cents, returned: 0) : .none))
        serial += 1
        stripe.plan = plan
        note("changed to \(plan.name)")
    }

    private mutating func cancel() {
        (stripe.status, stripe.endedAt) = (.canceled, now)
        note("canceled")
    }

    /// Of a payment some goes back, or a refund fails; never all of the latest period's.
    private mutating func giveBack() {
        let latest = stripe.periods.count - 1
        if Bool.random(using: &random),
            let index = stripe.changes.indices.filter({
                stripe.changes[$0].money.paid > 0 && stripe.changes[$0].to == Years.proYearly.id
            }).randomElement(using: &random)
        {
            let old = stripe.changes[index]
            let returned = Int64.random(in: 0...old.money.paid, using: &random)
            stripe.changes[index] = BillingSnapshot.PlanChange(
                id: old.id, at: old.at, end: old.end, from: old.from, to: old.to,
                isPaid: old.isPaid, givesBack: false,
                money: .init(paid: old.money.paid, returned: returned))
            return note("\(returned) of \(old.money.paid) of \(old.id) back")
        }
        let index = Int.random(in: max(0, latest - 1)...latest, using: &random)
        let paid = stripe.periods[index].money.paid
        guard paid > 0, stripe.periods[index].plan.interval == .year else { return }
        let returned = Int64.random(in: 0..<paid, using: &random)
        stripe.periods[index].money = .init(paid: paid, returned: returned)
        note("\(returned) of \(paid) of \(stripe.periods[index].invoice) back")
    }
}

/// What is left out: of a month's payment nothing goes back here. With a lower plan, or a year in
/// its place, that would take more than the month was granted, which who hears of it before the
/// turn owes, and who hears of it afterwards does not. And of an upgrade and of the subscription's
/// end nobody hears at once: who hears of an upgrade only then is granted nothing for it.
@Suite("Random lives with years")
struct YearHistoryTests {
    /// `make proof` asks for many.
    static let asked = ProcessInfo.processInfo.environment["CUEBX_YEARS"].flatMap { UInt64($0) }

    /// The first seeds; and in a proof as many that nobody has tried, which it prints.
    static func seeds(_ few: UInt64) -> [UInt64] {
        guard let asked else { return Array(1...few) }
        let fresh = UInt64.random(in: 1_000_000...UInt64(UInt32.max))
        print("years of the seeds from \(fresh) on")
        return Array(1...asked) + Array(fresh..<fresh + asked)
    }

    /// What an account is in the end, and what is wrong with it.
    private func end(
        _ order: [Int], of history: YearHistory
    ) -> (ends: [String], broken: [String]) {
        var ledger = TestLedger(Years.rules())
        let user = ledger.newUser()
        var (seen, broken) = (0, [String]())
        for event in order + [history.stages.count - 1] {
            seen = max(seen, event)
            ledger.now = history.stages[seen].at
            let refresh = ApplyBilling(userID: user, snapshot: history.stages[seen].snapshot)
            ledger.apply(refresh)
            let lines = ledger.grants.count
            ledger.apply(refresh)
            if ledger.grants.count != lines { broken.append("changed by the same again") }
            if ledger.context(user).owed != .zero { broken.append("owes what it never used") }
        }
        ledger.apply(SettleAccount(userID: user))
        let (subscription, context) = (ledger.accounts[user]!.subscription, ledger.context(user))
        let ends = [
            context.allocated.decimal, context.period.start.rfc3339, context.period.end.rfc3339,
            subscription.planID.text,
            subscription.stripeSubscriptionID == nil ? "" : context.periodPlanID.text,
            "\(context.year.map { "\($0.withheld.decimal) of \($0.invoiceID)" } ?? "no year")",
        ]
        let causes = ledger.grants.filter { $0.kind == .plan && $0.cause != "free_month" }
            .map(\.cause)
        if Set(causes).count != causes.count { broken.append("granted twice") }
        return (ends, broken + ledger.brokenInvariants())
    }

    /// What is wrong with the life of this seed; `nil`: nothing.
    private func difference(_ seed: UInt64) -> String? {
        let history = YearHistory(seed: seed)
        var random = SeededGenerator(seed: seed &* 31)
        let all = Array(history.stages.indices)
        let expected = end(all, of: history)
        for _ in 0..<6 {
            var some = all.filter { _ in Bool.random(using: &random) }.shuffled(using: &random)
            if history.hasEnded { some.insert(all.count - 2, at: 0) }
            let (ends, broken) = end(some, of: history)
            guard ends == expected.ends, broken.isEmpty, expected.broken.isEmpty else {
                return """
                    seed \(seed): \(history.words), heard of \(some): \(ends) \(broken), \
                    not \(expected)
                    """
            }
        }
        return nil
    }

    @Test(
        "Who hears of every event, and who hears of some in any order, ends alike and owes nothing")
    func anyOrder() {
        let different = Self.seeds(160).compactMap(difference)
        #expect(different.isEmpty, "\(different.count): \(different.prefix(4))")
    }
}
