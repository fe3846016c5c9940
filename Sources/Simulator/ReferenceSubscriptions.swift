import FoundationEssentials
import Ledger

/// The model's accounts: periods, grants, and what Stripe says.
extension ReferenceModel {
    /// Credits of one period, in micro-credits: a thousand million credits.
    private static let maximumGranted: Int64 = 1_000_000_000_000_000

    func activate(
        _ command: ActivateFreeSubscription, _ rules: LedgerRules, at now: Int64
    ) -> Answer {
        guard let user = users[command.userID] else { return .unknownUser }
        if user.account == nil {
            user.account = newAccount(command.former, rules, at: now)
            user.changedAt = now
            return view(user).map { .activated($0, isNew: true) } ?? .noAccount
        }
        return view(user).map { .activated($0, isNew: false) } ?? .noAccount
    }

    /// Monthly from activation. Whoever comes back while the period of their deleted account still
    /// runs goes on with it and with what it had left: nothing is minted.
    private func newAccount(
        _ former: FormerAccount?, _ rules: LedgerRules, at now: Int64
    ) -> Account {
        let free = rules.catalog.freePlan
        let allocation = free.pricing.creditsAllocation.micros
        let month = ReferenceCalendar.month(anchor: now, containing: now)
        var account = Account(
            planID: free.id, trialUsed: former?.trialUsed ?? false, anchor: now,
            period: Period(start: month.start, end: month.end, planID: free.id, granted: allocation)
        )
        if let former, now < former.periodEnd.micros {
            account.anchor = former.anchor.micros
            account.period.start = former.periodStart.micros
            account.period.end = former.periodEnd.micros
            account.period.granted = min(allocation, former.remaining.micros)
        }
        return account
    }

    static func startMonthIfDue(
        _ account: inout Account, of user: User, _ rules: LedgerRules, at now: Int64
    ) {
        let free = rules.catalog.freePlan
        guard account.planID == free.id, now >= account.period.end else { return }
        let month = ReferenceCalendar.month(anchor: account.anchor, containing: now)
        turn(
            &account, of: user, at: now,
            to: Period(
                number: account.period.number + 1, start: month.start, end: month.end,
                planID: free.id, granted: free.pricing.creditsAllocation.micros),
            by: account.period.isPaid || account.period.planID != free.id
                ? nil : free.pricing.rollover)
    }

    /// The next period begins; its grant pays what is owed. What is left of the one before is
    /// rolled over, if there is a rule for that, and else gone.
    static func turn(
        _ account: inout Account, of user: User, at now: Int64, to period: Period,
        by rule: Rollover?
    ) {
        account.formerLeft = left(account, of: user, at: now)
        if let rule {
            account.formerLeft -= roll(
                account, account.formerLeft, of: user, rule, to: period, at: now)
        }
        account.former = account.period
        account.period = period
        let paid = min(account.owed, period.granted)
        account.owed -= paid
        account.period.granted -= paid
        account.period.paidOff = paid
    }

    private static func left(_ account: Account, of user: User, at now: Int64) -> Int64 {
        let (held, charged) = drawn(ofPool: account.period.number, by: user, at: now)
        return max(0, account.period.granted - held - charged)
    }

    func adjust(_ command: AdjustCredits, _ rules: LedgerRules, at now: Int64) -> Answer {
        guard let user = users[command.userID], var account = user.account else {
            return .noSubscription
        }
        guard !user.granted.contains("adjustment " + command.cause) else {
            return .alreadyAdjusted
        }
        let before = user.grants
        Self.startMonthIfDue(&account, of: user, rules, at: now)
        let left = Self.left(account, of: user, at: now)
        account.period.granted += command.credits.micros
        let isTooMuch = account.period.granted > Self.maximumGranted
        let isTooLittle = command.credits.micros < 0 && -command.credits.micros > left
        guard !isTooMuch && !isTooLittle else {
            user.grants = before
            return isTooLittle ? .wouldBeNegative : .wouldExceedMaximum
        }
        user.account = account
        user.granted.insert("adjustment " + command.cause)
        user.changedAt = now
        return view(user).map { .adjusted($0) } ?? .noAccount
    }

    /// One customer a user, ever: the first one stays.
    func link(_ command: LinkCustomer) -> Answer {
        guard let user = users[command.userID], user.account != nil else { return .customer(nil) }
        if user.account?.customerID == nil { user.account?.customerID = command.customerID }
        return .customer(user.account?.customerID)
    }

    /// What is kept of a deleted account: whether the trial was used, and the running period with
    /// what the Free plan would have left of it.
    func erase(_ id: UUID, _ rules: LedgerRules, at now: Int64) -> Answer {
        defer { forget(id) }
        guard let user = users[id], var account = user.account else { return .erased(nil) }
        Self.startMonthIfDue(&account, of: user, rules, at: now)
        user.account = account
        let taken = Self.used(by: user) + Self.reserved(by: user, at: now)
        let free = rules.catalog.freePlan.pricing.creditsAllocation.micros
        return .erased(
            FormerView(
                trialUsed: account.trialUsed,
                anchor: account.period.isPaid ? account.period.end : account.anchor,
                periodStart: account.period.start, periodEnd: account.period.end,
                remaining: max(0, min(account.period.granted, free) - taken)))
    }

    // MARK: Stripe

    /// What was fetched before something that has been applied is out of date.
    func mirrorNewest(_ command: ApplyBilling, _ rules: LedgerRules, at now: Int64) -> Answer {
        if let token = command.token {
            let applied = appliedTokens[token.subscriptionID] ?? 0
            guard token.number >= applied else { return .outOfDate }
            appliedTokens[token.subscriptionID] = token.number
        }
        return mirror(command, rules, at: now)
    }

    private func mirror(_ command: ApplyBilling, _ rules: LedgerRules, at now: Int64) -> Answer {
        let snapshot = command.snapshot
        guard let user = users[command.userID], var account = user.account else {
            return .noAccount
        }
        takeBackRollovers(snapshot, of: user, at: now)
        // Two checkouts paid: the first keeps.
        if let linked = account.subscriptionID, linked != snapshot.subscriptionID {
            return .otherSubscription(linked)
        }
        let before = account
        let newlyPaid = snapshot.paid.flatMap {
            user.granted.contains("invoice " + $0.invoiceID) || snapshot.isRevoked ? nil : $0
        }
        let isOver =
            snapshot.isRevoked || snapshot.status == .canceled
            || snapshot.status == .incompleteExpired
        let isLinked = account.subscriptionID != nil
        // Who is on a price that is none of ours keeps the plan.
        guard snapshot.planID != nil || isLinked else { return .subscriptionNotTheirs }
        // Nobody has a subscription before its first payment. One that is over before it was heard
        // of matters if it paid for a time that is not already past here.
        let matters =
            isOver
            ? newlyPaid.map { $0.end.micros > account.period.start } ?? false
            : snapshot.status != .incomplete
        // One trial a user, ever.
        if snapshot.trialEnd != nil { account.trialUsed = true }
        guard isLinked || matters else {
            if account != before { user.changedAt = now }
            user.account = account
            return .subscriptionNotTheirs
        }
        balance(snapshot, &account, of: user, rules, at: now)
        if let paid = newlyPaid,
            Self.follows(paid, account.period, ofSame: isLinked),
            isLinked && account.period.isPaid || isOver
                || now < paid.end.micros + rules.pastDueGrace * 1_000_000
        {
            startPaid(paid, &account, rules, user, at: now)
            balance(snapshot, &account, of: user, rules, at: now)
        } else {
            Self.startMonthIfDue(&account, of: user, rules, at: now)
        }
        if isOver {
            end(snapshot, &account, of: user, rules, at: now)
        } else {
            takeOver(snapshot, &account)
            upgradeInTrial(snapshot, &account, rules, at: now)
        }
        if account != before { user.changedAt = now }
        user.account = account
        return view(user).map { .mirrored($0) } ?? .noAccount
    }

    /// Within one subscription a period follows an earlier one. What was paid for takes the place
    /// of a free month, and a new subscription that of an old one, unless it ended before; and only
    /// where it, or its grace, is not over, or the whole subscription is.
    private static func follows(
        _ paid: BillingSnapshot.PaidPeriod, _ running: Period, ofSame isLinked: Bool
    ) -> Bool {
        if isLinked && running.isPaid {
            return paid.start.micros > running.start || paid.end.micros > running.end
        }
        return paid.end.micros > running.start
    }

    /// A paid period starts with its plan's allocation and nothing used.
    private func startPaid(
        _ paid: BillingSnapshot.PaidPeriod, _ account: inout Account, _ rules: LedgerRules,
        _ user: User, at now: Int64
    ) {
        guard let plan = rules.catalog.plan(paid.planID ?? account.planID) else { return }
        let granted = plan.pricing.creditsAllocation.micros
        user.granted.insert("invoice " + paid.invoiceID)
        let isRenewal =
            account.subscriptionID != nil && !paid.isFirst && Self.isBought(account)
            && paid.start.micros >= account.period.end
        let rule = rules.catalog.plan(account.period.planID)?.pricing.rollover
        Self.turn(
            &account, of: user, at: now,
            to: Period(
                number: account.period.number + 1, start: paid.start.micros,
                end: paid.end.micros, isPaid: true, planID: plan.id, granted: granted,
                invoice: paid.invoiceID, purchases: [paid.invoiceID: Purchase(granted: granted)]),
            by: isRenewal ? rule : nil)
    }

    private func takeOver(_ snapshot: BillingSnapshot, _ account: inout Account) {
        account.planID = snapshot.planID ?? account.planID
        account.status = snapshot.status
        account.customerID = snapshot.customerID
        account.subscriptionID = snapshot.subscriptionID
        account.cancelAtPeriodEnd = snapshot.cancelAtPeriodEnd
        account.canceledAt = snapshot.canceledAt
        // A plan that has begun is no longer to come.
        account.scheduled = snapshot.scheduled.flatMap {
            $0.planID == account.planID ? nil : $0
        }
        account.trialEnd = snapshot.trialEnd
        // A trial lasts as long as Stripe says.
        if snapshot.status == .trialing, account.period.isPaid, let end = snapshot.trialEnd,
            snapshot.periods.contains(where: { $0.invoiceID == account.period.invoice })
        {
            account.period.end = end.micros
        }
    }

    /// In a trial nothing is to be paid: (new − old allocation) × the part that is left, down to
    /// the hundredth. Coming up again to what was granted gives nothing. A month that was paid for
    /// and begins with the trial's end is none of it.
    private func upgradeInTrial(
        _ snapshot: BillingSnapshot, _ account: inout Account, _ rules: LedgerRules, at now: Int64
    ) {
        guard account.period.isPaid, snapshot.status == .trialing,
            snapshot.trialEnd.map({ account.period.start < $0.micros }) ?? true,
            let new = rules.catalog.plan(account.planID),
            let old = rules.catalog.plan(account.period.planID), new.rank > old.rank
        else { return }
        account.period.planID = new.id
        let difference = new.pricing.creditsAllocation.micros - old.pricing.creditsAllocation.micros
        let (start, end) = (account.period.start, account.period.end)
        let from = min(max(now, start), end)
        let hundredths = Int128(difference) * Int128(end - from) / Int128(end - start) / 10_000
        account.period.granted += max(0, Int64(hundredths) * 10_000)
    }

    /// Back to Free. Ended with its period: free months from then on. Earlier, or the money went
    /// back: the period goes on to its end with no more than Free would have.
    private func end(
        _ snapshot: BillingSnapshot, _ account: inout Account, of user: User,
        _ rules: LedgerRules, at now: Int64
    ) {
        let free = rules.catalog.freePlan
        let endedAt = snapshot.endedAt?.micros ?? now
        if snapshot.isRevoked, let last = snapshot.periods.last,
            last.invoiceID == account.period.invoice
        {
            account.owed += account.period.paidOff
            account.period.granted += account.period.paidOff
            account.period.paidOff = 0
        }
        if account.period.isPaid {
            if snapshot.isRevoked || endedAt < account.period.end {
                account.period.granted = min(
                    account.period.granted, free.pricing.creditsAllocation.micros)
                account.anchor = account.period.end
            } else {
                account.anchor = endedAt
            }
        }
        account.planID = free.id
        account.status = .active
        account.subscriptionID = nil
        account.cancelAtPeriodEnd = false
        account.scheduled = nil
        account.canceledAt = snapshot.canceledAt
        account.trialEnd = snapshot.trialEnd
        Self.startMonthIfDue(&account, of: user, rules, at: now)
    }
}
