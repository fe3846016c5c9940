extension BillingChange {
    /// Keeps which plan follows. One that has begun, or gave way to another, is no longer to come.
    mutating func schedule(_ snapshot: BillingSnapshot, _ plan: Plan) {
        let old = account.subscription
        let scheduled = snapshot.scheduled.flatMap { scheduled in
            scheduled.planID == plan.id || rules.catalog.plan(scheduled.planID) == nil
                ? nil : scheduled
        }
        guard scheduled != old.scheduled else { return }
        account.subscription.scheduled = scheduled
        if scheduled != nil {
            events.append(.planScheduled)
        } else if plan.id == old.planID {
            events.append(.planUnscheduled)
        }
    }
}
