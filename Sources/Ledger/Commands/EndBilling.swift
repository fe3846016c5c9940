import Values

/// How an account goes on once what it subscribed to is over.
extension BillingChange {
    /// Back to Free. At the period's end a free month begins when Stripe ended the subscription;
    /// before it, the running period goes on to its end with what was granted and used, capped at
    /// the Free allocation.
    mutating func end(_ snapshot: BillingSnapshot) {
        let free = rules.catalog.freePlan
        let endedAt = snapshot.endedAt ?? now
        let period = account.context.period
        let isEarly = snapshot.isRevoked || endedAt < period.end
        if snapshot.isRevoked { reopenDebt(paidOffBy: snapshot.periods.last?.invoiceID) }
        if period.source == .paid && isEarly {
            let surplus = account.context.allocated - free.pricing.creditsAllocation
            if surplus > .zero {
                grants.append(
                    account.grant(
                        .revocation, -surplus, cause: snapshot.subscriptionID, at: now))
            }
            account.context.anchor = period.end
        } else if period.source == .paid {
            account.context.anchor = endedAt
        }
        account.subscription.planID = free.id
        unlink(snapshot, status: .active)
        settleMonth()
    }

    /// No plan follows: what is left of a period that was cut short is taken away, and the plan
    /// that was had is the last one.
    mutating func close(_ snapshot: BillingSnapshot) {
        if snapshot.isRevoked { reopenDebt(paidOffBy: snapshot.periods.last?.invoiceID) }
        let period = account.context.period
        let left = account.context.remaining
        if period.source == .paid, left > .zero,
            snapshot.isRevoked || (snapshot.endedAt ?? now) < period.end
        {
            grants.append(
                account.grant(.revocation, -left, cause: snapshot.subscriptionID, at: now))
        }
        unlink(snapshot, status: .canceled)
    }

    private mutating func unlink(_ snapshot: BillingSnapshot, status: Subscription.Status) {
        noteTrial(snapshot)
        account.context.year = nil
        account.subscription.status = status
        account.subscription.stripeSubscriptionID = nil
        account.subscription.cancelAtPeriodEnd = false
        account.subscription.cancelAt = nil
        account.subscription.scheduled = nil
        account.subscription.canceledAt = snapshot.canceledAt
        account.subscription.trialEnd = snapshot.trialEnd
        events.append(snapshot.isRevoked ? .revoked : .ended)
    }
}
