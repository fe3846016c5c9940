import Foundation
import Ledger
import Values

/// What an account with a year is to be, from the rules' sentences: no lines, no causes and no
/// memory of what was taken before. What a period grants is worked out anew from what Stripe has
/// told; what is used of it beyond that is owed. Credits are hundredths.
struct YearModel {
    /// A part of what a period grants, and what became of its money.
    fileprivate struct Part {
        var credits: Int64
        let money: BillingSnapshot.Money

        /// Rounded up, in favour of whoever gave the money back.
        var returned: Int64 {
            money.paid == 0 ? 0 : (credits * money.returned + money.paid - 1) / money.paid
        }
    }

    static let free: Int64 = 2500

    private(set) var start: Timestamp
    private(set) var end: Timestamp
    private(set) var allocated = Self.free
    private(set) var used: Int64 = 0
    private(set) var owed: Int64 = 0
    /// Of what is owed, what is of the running period.
    private var carried: Int64 = 0
    private var paidOff: Int64 = 0
    /// What upgrades have added and what was taken of the running period, by what was told last.
    private var taken: Int64 = 0
    private var anchor: Timestamp
    private var paid: BillingSnapshot.PaidPeriod?
    private var heard: BillingSnapshot?
    private var begun: Set<String> = []
    /// How many periods and months that were paid for have begun.
    private(set) var grants = 0

    init(at now: Timestamp) {
        (start, anchor) = (now, now)
        end = now.adding(months: 1)
    }

    var remaining: Int64 { allocated - used }

    mutating func use(_ credits: Int64) { used += credits }

    // MARK: Time

    /// Months begin by themselves: the free ones, and those of a year while it lasts. Of several
    /// that are over by now only the one that runs begins.
    mutating func look(at now: Timestamp) {
        guard now >= end else { return }
        guard let paid else { return turn(to: month(from: anchor, now), Self.free) }
        guard isYear(paid), now < paid.end, let heard else { return }
        (start, end) = month(from: paid.start, now, until: paid.end)
        grants += 1
        let parts = walk(heard, paid, isComing: true).parts
        (base, taken) = (parts.credits, parts.returned)
        turn(to: (start, end), base - taken)
    }

    private func month(
        from anchor: Timestamp, _ now: Timestamp, until last: Timestamp? = nil
    ) -> (Timestamp, Timestamp) {
        var count: Int64 = 0
        while anchor.adding(months: count + 1) <= now { count += 1 }
        let end = anchor.adding(months: count + 1)
        return (anchor.adding(months: count), last.map { min($0, end) } ?? end)
    }

    /// Nothing is used of a new period; what is owed is paid off by it first.
    private mutating func turn(to span: (Timestamp, Timestamp), _ granted: Int64) {
        (start, end) = span
        (used, carried) = (0, 0)
        paidOff = min(owed, granted)
        owed -= paidOff
        allocated = granted - paidOff
    }

    // MARK: What Stripe tells

    mutating func hear(_ snapshot: BillingSnapshot, at now: Timestamp) {
        let isOver = snapshot.status == .canceled
        guard paid != nil || !isOver else { return look(at: now) }
        if let paid, isYear(paid) { look(at: min(now, snapshot.endedAt ?? now)) }
        balance(snapshot)
        if let latest = snapshot.periods.last, begun.insert(latest.invoiceID).inserted {
            begin(latest, at: now)
            balance(snapshot)
        }
        heard = snapshot
        guard isOver, let endedAt = snapshot.endedAt else { return }
        if endedAt < end {
            allocated = min(allocated, Self.free)
            anchor = end
        } else {
            anchor = endedAt
        }
        paid = nil
        look(at: now)
    }

    private mutating func begin(_ latest: BillingSnapshot.PaidPeriod, at now: Timestamp) {
        paid = latest
        grants += 1
        taken = 0
        let last = latest.end.adding(micros: -1)
        let span =
            isYear(latest)
            ? month(from: latest.start, min(now, last), until: latest.end)
            : (latest.start, latest.end)
        turn(to: span, allocation(latest.planID))
        base = allocation(latest.planID)
    }

    /// What the running period has been granted without what was taken of it.
    private var base: Int64 = 0

    /// The running period is what was paid for it, changed within it and kept of it. What was used
    /// beyond that is owed.
    private mutating func balance(_ snapshot: BillingSnapshot) {
        guard let known = paid,
            let paid = snapshot.periods.first(where: { $0.invoiceID == known.invoiceID }),
            !paid.isTrial
        else { return }
        self.paid = paid
        let (parts, lowered) = walk(snapshot, paid, isComing: false)
        let (added, less) = (parts.credits + lowered, lowered + parts.returned)
        let net = added - less - paidOff
        defer { (base, taken) = (added, less) }
        guard less != taken || added < base else {
            allocated = net + carried
            return
        }
        let debt = max(0, used - net)
        owed += debt - carried
        carried = debt
        allocated = max(used, net)
    }

    /// What a period consists of, and what a lower plan has taken within it: of the latest part
    /// first.
    ///
    /// - Parameter isComing: of a month of a year that begins, in which no change has a share.
    private func walk(
        _ snapshot: BillingSnapshot, _ paid: BillingSnapshot.PaidPeriod, isComing: Bool
    ) -> (parts: [Part], lowered: Int64) {
        var parts = [Part(credits: allocation(paid.planID), money: paid.money)]
        var lowered: Int64 = 0
        for change in snapshot.changes where paid.start <= change.at && change.at < paid.end {
            // What a year has taken the place of is given back to the month alone.
            if change.to == nil, isYear(paid) { continue }
            // Of a month that nobody has seen nothing is granted.
            guard isComing || change.at < end else { continue }
            let difference = allocation(change.to) - allocation(change.from)
            let isWithin = !isComing && change.at >= start
            let exact =
                Int128(abs(difference)) * Int128(isWithin ? end.micros - change.at.micros : 1)
            let length = Int128(isWithin ? end.micros - start.micros : 1)
            guard difference < 0 else {
                parts.append(Part(credits: Int64(exact / length), money: change.money))
                continue
            }
            var share = Int64((exact + length - 1) / length)
            if isWithin { lowered += share }
            for index in parts.indices.reversed() {
                let part = min(share, parts[index].credits)
                parts[index].credits -= part
                share -= part
            }
        }
        return (parts, lowered)
    }

    private func isYear(_ paid: BillingSnapshot.PaidPeriod) -> Bool {
        !paid.isTrial && (paid.planID == Years.plusYearly.id || paid.planID == Years.proYearly.id)
    }

    private func allocation(_ plan: UUID?) -> Int64 {
        switch plan {
        case Years.plus.id, Years.plusYearly.id: 50_000
        case Years.pro.id, Years.proYearly.id: 200_000
        default: 0
        }
    }
}

extension [YearModel.Part] {
    fileprivate var credits: Int64 { reduce(0) { $0 + $1.credits } }
    fileprivate var returned: Int64 { reduce(0) { $0 + $1.returned } }
}

/// A random life with years of somebody who looks, uses what they have and hears of things late,
/// beside the model.
struct YearWorld {
    private(set) var met: Set<String> = []
    private var ledger = TestLedger(Years.rules())
    private let user: UUID
    private let history: YearHistory
    private var model: YearModel
    private var random: SeededGenerator
    private var calls = 0

    init(seed: UInt64) {
        history = YearHistory(seed: seed)
        random = SeededGenerator(seed: seed &* 977)
        user = ledger.newUser()
        model = YearModel(at: ledger.now)
    }

    /// - Returns: where the two differ first; `nil`: nowhere.
    mutating func run() -> String? {
        for (place, stage) in history.stages.enumerated() {
            while let wrong = idle(until: stage.at) { return "before \(place): \(wrong)" }
            // Who hears of an upgrade only with the end is granted nothing for it. By months, what
            // one refresh takes and gives comes one after the other.
            let isMonthly = [Years.plus.id, Years.pro.id].contains(stage.snapshot.planID)
            let isVital = isMonthly || place >= history.stages.count - 2
            guard isVital || Int.random(in: 0..<4, using: &random) > 0 else { continue }
            ledger.now = stage.at
            ledger.apply(ApplyBilling(userID: user, snapshot: stage.snapshot))
            model.hear(stage.snapshot, at: ledger.now)
            if let wrong = difference() { return "\(history.words), at \(place): \(wrong)" }
        }
        let last = ledger.now.adding(seconds: 500 * 86_400)
        return idle(until: last).map { "\(history.words), after it: \($0)" }
    }

    /// Days and months go by until something happens.
    private mutating func idle(until end: Timestamp) -> String? {
        while true {
            let days = Int.random(in: 0..<3, using: &random) == 0 ? 75 : 12
            let next = ledger.now.adding(
                seconds: .random(in: 1...Int64(days * 86_400), using: &random))
            guard next < end else { return nil }
            ledger.now = next
            ledger.apply(SettleAccount(userID: user))
            let before = model.grants
            model.look(at: next)
            if model.grants > before { met.insert("a month begins") }
            if let wrong = difference() { return wrong }
            if Bool.random(using: &random) { use() }
        }
    }

    private mutating func use() {
        let whole = min(model.remaining / 100, 1500)
        guard whole >= 1, ledger.now < model.end else { return }
        let credits =
            Bool.random(using: &random) ? whole : Int64.random(in: 1...whole, using: &random)
        calls += 1
        let usage = ledger.hold(user, "\(credits)", "call \(calls)")
        _ = ledger.commit(user, usage)
        model.use(credits * 100)
    }

    private mutating func difference() -> String? {
        let context = ledger.context(user)
        let granted = ledger.grants.count { $0.kind == .plan && $0.cause != "free_month" }
        if model.owed > 0 { met.insert("a debt") }
        if context.year?.withheld ?? .zero > .zero { met.insert("withheld") }
        let pairs: [(String, Int64, Int64)] = [
            ("allocated", context.allocated.micros / 10_000, model.allocated),
            ("used", context.used.micros / 10_000, model.used),
            ("owed", context.owed.micros / 10_000, model.owed),
            ("start", context.period.start.micros, model.start.micros),
            ("end", context.period.end.micros, model.end.micros),
            ("grants", Int64(granted), Int64(model.grants)),
        ]
        for (what, actual, expected) in pairs where actual != expected {
            return "\(ledger.now.rfc3339) \(what) is \(actual), not \(expected)"
        }
        let broken = ledger.brokenInvariants()
        return broken.isEmpty ? nil : "\(broken)"
    }
}
