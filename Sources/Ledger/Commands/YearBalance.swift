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

    /// What each coming month is granted less.
    mutating func withhold(_ snapshot: BillingSnapshot, _ paid: BillingSnapshot.PaidPeriod) {
        guard account.context.year != nil else { return }
        let granted = allocation(account.context.periodPlanID)
        let withheld = returned(snapshot, of: granted, paid, before: nil)
        account.context.year?.withheld = withheld
    }

    /// Of what a period was granted at its start, what its money went back for. Of a month of a
    /// year, the part that each upgrade before it has added goes with that upgrade's money.
    ///
    /// - Parameter start: changes from then on count for themselves; `nil`: none do.
    func returned(
        _ snapshot: BillingSnapshot, of granted: Credits, _ paid: BillingSnapshot.PaidPeriod,
        before start: Timestamp?
    ) -> Credits {
        var (rest, sum) = (granted, Credits.zero)
        if let year = account.context.year {
            for change in snapshot.changes where change.at >= year.start && change.isPaid {
                if let start, change.at >= start { continue }
                let added = allocation(change.to) - allocation(change.from)
                guard added > .zero, !change.givesBack else { continue }
                let part = min(rest, added)
                rest -= part
                sum += part.returned(change.money)
            }
        }
        // What went back in full ends the plan, see ``end(_:)``.
        return paid.money.isReturnedInFull ? sum : sum + rest.returned(paid.money)
    }
}
