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
    mutating func catchUp(_ snapshot: BillingSnapshot, _ paid: BillingSnapshot.PaidPeriod) {
        guard let year = account.context.year else { return }
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
        guard plan != year.planID, difference < .zero || snapshot.status.entitles else { return }
        account.context.year?.planID = plan
        account.context.periodPlanID = plan
        let number = account.context.period.number
        if difference > .zero {
            grants.append(account.grant(.upgrade, difference, cause: cause, at: now))
            events.append(.upgraded)
        } else {
            _ = take(-difference, of: cause, in: number)
        }
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
        let parts = upgradeParts(snapshot, of: plan, before: nil)
        let withheld = returned(of: allocation(plan), parts, paid)
        let whole = withheld > .zero ? allocation(plan) : nil
        account.context.year?.withheld = withheld
        account.context.year?.withheldOf = whole
    }

    /// Of what the running period was granted at its start, what its money went back for. Of a
    /// month of a year, what is left of the part that an upgrade before it has added goes with that
    /// upgrade's money. What such a change has added or taken since it was heard of counts.
    func returned(
        _ snapshot: BillingSnapshot, of own: CreditGrant, _ paid: BillingSnapshot.PaidPeriod
    ) -> Credits {
        guard let year = account.context.year else { return returned(of: own.credits, [], paid) }
        let period = account.context.period
        var granted = own.credits
        for change in snapshot.changes where year.start <= change.at && change.at < period.start {
            let caughtUp =
                lines(.upgrade, change.id, in: period.number)
                + lines(.revocation, change.id, in: period.number)
            granted += caughtUp.reduce(.zero) { $0 + $1.credits }
        }
        let parts = upgradeParts(snapshot, of: year.planID, before: period.start)
        return returned(of: granted, parts, paid)
    }

    private func returned(
        of granted: Credits, _ parts: [UpgradePart], _ paid: BillingSnapshot.PaidPeriod
    ) -> Credits {
        var (rest, sum) = (granted, Credits.zero)
        for part in parts {
            let credits = min(rest, part.credits)
            rest -= credits
            sum += credits.returned(part.money)
        }
        // What went back in full ends the plan, see ``end(_:)``.
        return paid.money.isReturnedInFull ? sum : sum + rest.returned(paid.money)
    }

    /// What upgrades within the year have added to a month that is granted by `planID`: a lower
    /// plan since takes the latest away first.
    ///
    /// - Parameter start: changes from then on count for themselves; `nil`: none do.
    private func upgradeParts(
        _ snapshot: BillingSnapshot, of planID: UUID, before start: Timestamp?
    ) -> [UpgradePart] {
        guard let year = account.context.year else { return [] }
        var parts: [UpgradePart] = []
        var reached: [UpgradePart] = []
        for change in snapshot.changes where year.start <= change.at {
            if let start, change.at >= start { continue }
            guard let new = change.to else { continue }
            let (before, after) = (allocation(change.from), allocation(new))
            if after > before && !change.givesBack {
                guard change.isPaid else { continue }
                parts.append(UpgradePart(credits: after - before, money: change.money))
            } else {
                guard change.givesBack else { continue }
                var less = max(.zero, before - after)
                while less > .zero, let last = parts.popLast() {
                    if last.credits > less {
                        parts.append(UpgradePart(credits: last.credits - less, money: last.money))
                    }
                    less -= min(less, last.credits)
                }
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

/// What an upgrade has added to a month, and what became of its money.
private struct UpgradePart {
    let credits: Credits
    let money: BillingSnapshot.Money
}
