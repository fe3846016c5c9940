import FoundationEssentials
import Values

/// What periods have left over, and what of that goes back with their money.
extension BillingChange {
    /// By what the running period rolls over into one that was paid for: a renewal alone, and not
    /// the one that follows a trial or starts before the running period's end.
    func rollover(into paid: BillingSnapshot.PaidPeriod) -> Rollover? {
        guard !paid.isFirst, account.isPaidFor else { return nil }
        guard paid.start >= account.context.period.end else { return nil }
        return rules.catalog.plan(account.context.periodPlanID)?.pricing.rollover
    }

    /// What invoices of earlier periods have left over goes back with their money until it ends,
    /// whatever the account is on by then: the share that went back since those periods' ends. What
    /// went back before was taken out of their pools. The months of a year stay, unless all of its
    /// money went back.
    mutating func takeBackRollovers(_ snapshot: BillingSnapshot) {
        returnYear(snapshot)
        for paid in snapshot.periods where !isYear(paid) || paid.money.isReturnedInFull {
            for own in known + grants where own.kind == .plan && own.isOf(paid.invoiceID) {
                takeBackRollover(of: own, paid)
            }
        }
    }

    private mutating func takeBackRollover(
        of own: CreditGrant, _ paid: BillingSnapshot.PaidPeriod
    ) {
        let cause = StandaloneGrant.causeOfRollover(of: own.periodNumber)
        guard
            let index = account.grants.firstIndex(where: {
                $0.isOf(cause) && !$0.isExpired(at: now)
            })
        else { return }
        let total = share(
            of: account.grants[index].amount, returnedOf: own, paid.money,
            since: taken(paid.invoiceID, in: own.periodNumber))
        guard total != account.grants[index].takeBackTotal else { return }
        account.grants[index].takeBackTotal = total
        account.grants[index].settle(at: now)
    }

    /// Of what a period has left over, the share that went back of its grant since some of that had
    /// been taken.
    private func share(
        of amount: Credits, returnedOf own: CreditGrant, _ money: BillingSnapshot.Money,
        since taken: Credits
    ) -> Credits {
        guard taken > .zero, !money.isReturnedInFull else { return amount.returned(money) }
        let more = max(.zero, own.credits.returned(money) - taken)
        return amount.shareRoundedUp(more.micros, of: (own.credits - taken).micros)
    }
}
