import FoundationEssentials
import Values

extension Account {
    /// Starts the period that begins by itself and in which `now` lies, where the running one is
    /// over: the Free plan's month, or a month of a year that is paid for.
    ///
    /// - Returns: the lines of the new period; none where nothing was due.
    mutating func startPeriodIfDue(_ rules: LedgerRules, at now: Timestamp) -> [CreditGrant] {
        guard now >= context.period.end else { return [] }
        guard context.year == nil else { return startMonthIfDue(rules, containing: now, at: now) }
        guard let plan = rules.catalog.plan(subscription.planID) else { return [] }
        return startFreePeriodIfDue(plan: plan, at: now)
    }

    /// Starts the month of the paid year in which `instant` lies, where the running one is over by
    /// then: only within the year. The months between are not granted.
    mutating func startMonthIfDue(
        _ rules: LedgerRules, containing instant: Timestamp, at now: Timestamp
    ) -> [CreditGrant] {
        guard let year = context.year, instant >= context.period.end, instant < year.end,
            let plan = rules.catalog.plan(context.periodPlanID)
        else { return [] }
        let month = year.month(containing: instant, number: context.period.number + 1)
        context.year?.planID = plan.id
        return start(
            month, on: plan, cause: year.cause(of: month), rolling: plan.pricing.rollover, at: now)
    }
}
