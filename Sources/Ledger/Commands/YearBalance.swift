import FoundationEssentials
import Values

/// What a year that is paid at once grants month by month. Of what is billed or returned within it,
/// the running month has what follows at once, and each coming month at its start; the months that
/// are over stay.
extension BillingChange {
    /// The month in which the account stands, or stood when its subscription ended, begins first:
    /// what follows from the snapshot is of that month.
    mutating func settleYear(_ snapshot: BillingSnapshot) {
        let end = snapshot.status == .canceled ? snapshot.endedAt : nil
        grants += account.startMonthIfDue(rules, containing: min(now, end ?? now), at: now)
    }

    /// A free month that is due begins; a month of a year has begun, see ``settleYear(_:)``.
    mutating func settleMonth() {
        guard account.context.year == nil else { return }
        grants += account.startPeriodIfDue(rules, at: now)
    }

    /// The first period that an invoice pays for: all of it or, of a year, the month in which the
    /// payment is heard of.
    mutating func begin(
        _ paid: BillingSnapshot.PaidPeriod, on plan: Plan, number: Int64
    ) -> BillingPeriod {
        account.context.year = nil
        guard plan.interval == .year, !paid.isTrial else {
            return BillingPeriod(number: number, start: paid.start, end: paid.end, source: .paid)
        }
        let year = PaidYear(
            invoiceID: paid.invoiceID, start: paid.start, end: paid.end, planID: plan.id)
        account.context.year = year
        return year.month(containing: now, number: number)
    }

    /// A change of plan of an earlier month, of which is heard now only, makes the running month
    /// what it would have been granted.
    ///
    /// - Returns: what it is not granted all the same, since the subscription is over.
    mutating func catchUp(
        _ snapshot: BillingSnapshot, _ paid: BillingSnapshot.PaidPeriod
    ) -> Credits {
        guard let year = account.context.year else { return .zero }
        let start = account.context.period.start
        var plan = paid.planID ?? year.planID
        var cause = paid.invoiceID
        for change in snapshot.changes where year.start <= change.at && change.at < start {
            guard let new = change.to else { continue }
            let isRaised = allocation(new) > allocation(change.from) && !change.givesBack
            guard isRaised ? change.isPaid : change.givesBack else { continue }
            (plan, cause) = (new, change.id)
        }
        let difference = allocation(plan) - allocation(year.planID)
        guard plan != year.planID else { return .zero }
        guard difference < .zero || snapshot.status.entitles else { return difference }
        account.context.year?.planID = plan
        account.context.periodPlanID = plan
        let number = account.context.period.number
        if difference > .zero {
            grants.append(account.grant(.upgrade, difference, cause: cause, at: now))
            events.append(.upgraded)
        } else {
            _ = take(-difference, of: cause, in: number)
        }
        return .zero
    }

    /// Of a year that goes back in full, what its months have left over goes too; of a part, the
    /// months that are over stay.
    mutating func returnYear(_ snapshot: BillingSnapshot) {
        guard let year = account.context.year,
            snapshot.periods.contains(where: {
                $0.invoiceID == year.invoiceID && $0.money.isReturnedInFull
            })
        else { return }
        for index in account.grants.indices {
            let grant = account.grants[index]
            guard grant.source == .rollover, grant.isOpen, grant.effectiveAt >= year.start,
                grant.takeBackTotal < grant.amount
            else { continue }
            account.grants[index].takeBackTotal = grant.amount
            account.grants[index].settle(at: now)
        }
    }

    func isYear(_ paid: BillingSnapshot.PaidPeriod) -> Bool {
        let plan = paid.planID.flatMap { rules.catalog.plan($0) }
        return plan?.interval == .year && !paid.isTrial
    }

    /// What each coming month is granted less: a share of what it is granted.
    mutating func withhold(_ snapshot: BillingSnapshot, _ paid: BillingSnapshot.PaidPeriod) {
        let plan = account.context.periodPlanID
        guard account.context.year != nil else { return }
        let ofUpgrades = parts(of: allocation(plan), upgrades(snapshot, of: plan, before: nil))
        let own = allocation(plan) - ofUpgrades.reduce(.zero) { $0 + $1.credits }
        // What went back in full ends the plan, see ``end(_:)``.
        let ofYear = paid.money.isReturnedInFull ? Credits.zero : own.returned(paid.money)
        let withheld = ofUpgrades.reduce(ofYear) { $0 + $1.credits.returned($1.money) }
        let whole = withheld > .zero ? allocation(plan) : nil
        account.context.year?.withheld = withheld
        account.context.year?.withheldOf = whole
    }

    /// Of what the running month of a year consists of, takes what its money went back for: of what
    /// an upgrade has added by the money of that upgrade, of the rest by the year's. What a lower
    /// plan has taken is no longer there to go back. So no month owes what was not used of it.
    mutating func returnParts(
        _ snapshot: BillingSnapshot, of own: CreditGrant, _ paid: BillingSnapshot.PaidPeriod
    ) {
        let number = account.context.period.number
        let parts = partsOfMonth(snapshot, of: own, paid)
        var ofStart = Credits.zero
        for part in parts {
            // What went back in full ends the plan, see ``end(_:)``.
            if part.id == paid.invoiceID, part.money.isReturnedInFull { continue }
            let returned = part.credits.returned(part.money)
            if !part.isOfMonth {
                ofStart += returned
            } else if take(returned, of: part.id, in: number) {
                events.append(.upgradeReturned)
            }
        }
        if take(ofStart, of: paid.invoiceID, in: number) { events.append(.returnedInPart) }
        settleDebts(of: [paid.invoiceID] + snapshot.changes.map(\.id), in: number)
    }

    /// Lines of one decision come one after another: what one of them has made a debt, another may
    /// have given back. Then it is none.
    private mutating func settleDebts(of causes: [String], in number: Int64) {
        guard grants.contains(where: { $0.kind == .revocation && $0.periodNumber == number })
        else { return }
        for cause in causes { giveBackDebt(cause, in: number) }
    }

    /// What the running month consists of, the year's own first: what its start was granted, what
    /// upgrades of earlier months are of that, and what those of the month have added.
    private func partsOfMonth(
        _ snapshot: BillingSnapshot, of own: CreditGrant, _ paid: BillingSnapshot.PaidPeriod
    ) -> [MonthPart] {
        guard let year = account.context.year else { return [] }
        let period = account.context.period
        var granted = own.credits
        for change in snapshot.changes where year.start <= change.at && change.at < period.start {
            let caughtUp =
                lines(.upgrade, change.id, in: period.number)
                + lines(.revocation, change.id, in: period.number)
            granted += caughtUp.reduce(.zero) { $0 + $1.credits }
        }
        var parts = parts(of: granted, upgrades(snapshot, of: year.planID, before: period.start))
        parts.insert(
            MonthPart(
                id: paid.invoiceID,
                credits: granted - parts.reduce(.zero) { $0 + $1.credits }, money: paid.money),
            at: 0)
        for change in changes(snapshot, within: period, of: paid) {
            if let added = grant(for: change) {
                parts.append(
                    MonthPart(
                        id: change.id, credits: added.credits, money: change.money, isOfMonth: true)
                )
            } else if let taken = lines(.revocation, change.id, in: period.number).first {
                parts.takeLatest(-taken.credits)
            }
        }
        return parts
    }

    /// What upgrades are of what a month is granted, which may be less by a later catalog.
    private func parts(of granted: Credits, _ upgrades: [MonthPart]) -> [MonthPart] {
        var rest = granted
        return upgrades.filter(\.isPaid).map { upgrade in
            var part = upgrade
            part.credits = min(rest, part.credits)
            rest -= part.credits
            return part
        }
    }

    /// What upgrades within the year have added to a month that is granted by `planID`: a lower
    /// plan since takes the latest away first.
    ///
    /// - Parameter start: changes from then on count for themselves; `nil`: none do.
    private func upgrades(
        _ snapshot: BillingSnapshot, of planID: UUID, before start: Timestamp?
    ) -> [MonthPart] {
        guard let year = account.context.year else { return [] }
        var parts: [MonthPart] = []
        var reached: [MonthPart] = []
        for change in snapshot.changes where year.start <= change.at {
            if let start, change.at >= start { continue }
            guard let new = change.to else { continue }
            let (before, after) = (allocation(change.from), allocation(new))
            if after > before && !change.givesBack {
                parts.append(
                    MonthPart(
                        id: change.id, credits: after - before, money: change.money,
                        isPaid: change.isPaid))
            } else if change.givesBack {
                parts.takeLatest(max(.zero, before - after))
            }
            // What follows may be known and not granted yet.
            if new == planID { reached = parts }
        }
        return reached
    }

    // MARK: A subscription that Stripe knows again

    /// The year of a subscription that the account had, lost and has again goes on: its invoice
    /// begins no other one. The running month stays if it is of the year, else the month begins in
    /// which the subscription is seen. The months between are not granted.
    mutating func resumeYear(_ snapshot: BillingSnapshot, wasGranted: Bool) {
        guard account.context.year == nil, wasGranted, !snapshot.isOver,
            let paid = snapshot.paid, isYear(paid), paid.start <= now, now < paid.end,
            let plan = paid.planID.flatMap({ rules.catalog.plan($0) })
        else { return }
        let running = account.context.period
        var year = PaidYear(
            invoiceID: paid.invoiceID, start: paid.start, end: paid.end, planID: plan.id)
        if running.source == .paid, isPaid(by: paid) {
            year.planID = planAtStart(of: running, snapshot)
            account.context.year = year
            grants += account.startMonthIfDue(rules, containing: now, at: now)
            return
        }
        let month = year.month(containing: now, number: running.number + 1)
        let wasBegun = known.contains {
            $0.kind == .plan && $0.isOf(paid.invoiceID) && $0.createdAt >= month.start
        }
        guard !wasBegun else { return }
        account.context.year = year
        grants += account.start(month, on: plan, cause: year.cause(of: month), at: now)
    }

    private func isPaid(by paid: BillingSnapshot.PaidPeriod) -> Bool {
        lines(.plan, in: account.context.period.number).first?.isOf(paid.invoiceID) ?? false
    }

    /// The plan by which the running month was granted, before what was changed within it.
    private func planAtStart(of period: BillingPeriod, _ snapshot: BillingSnapshot) -> UUID {
        let first = snapshot.changes.first { change in
            period.contains(change.at)
                && !(lines(.upgrade, change.id, in: period.number)
                    + lines(.revocation, change.id, in: period.number)).isEmpty
        }
        return first?.from ?? account.context.periodPlanID
    }
}

/// A part of what a month of a year is granted, and what became of the money that paid for it.
private struct MonthPart {
    /// Of the change that has added it; of the year's own its invoice.
    let id: String
    var credits: Credits
    let money: BillingSnapshot.Money
    /// What nobody has paid for grants nothing, and is the first that a lower plan takes away.
    var isPaid = true
    /// Whether it was added within the month, and not granted at its start.
    var isOfMonth = false
}

extension [MonthPart] {
    /// Takes so much away, of the latest first.
    fileprivate mutating func takeLatest(_ credits: Credits) {
        var less = credits
        for index in indices.reversed() where less > .zero {
            let part = Swift.min(less, self[index].credits)
            self[index].credits -= part
            less -= part
        }
    }
}
