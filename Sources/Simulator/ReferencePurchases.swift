import FoundationEssentials
import Ledger
import Values

/// What money bought in a period and what of it went back, as the model sees it: each purchase
/// once, with what it came to so far.
extension ReferenceModel {
    /// Who pays for a higher plan gets the share of the difference that is left of the period; who
    /// gets money back for a lower plan, or for what was bought, gives the same share back. What
    /// was used of that is owed.
    func balance(
        _ snapshot: BillingSnapshot, _ account: inout Account, of user: User,
        _ rules: LedgerRules, at now: Int64
    ) {
        takeBackRollovers(snapshot, of: user, at: now)
        guard account.period.isPaid else { return }
        returnFormer(snapshot, &account, of: user, at: now)
        guard let invoice = account.period.invoice,
            let own = snapshot.periods.first(where: { $0.invoiceID == invoice }), !own.isTrial
        else { return }
        if let bought = account.period.purchases[invoice] {
            let part = own.money.isReturnedInFull ? 0 : Self.part(bought.granted, own.money)
            take(part, invoice, &account, of: user, at: now)
        }
        var notGranted: Int64 = 0
        for change in snapshot.changes {
            let period = account.period
            guard period.start <= change.at.micros, change.at.micros < period.end,
                change.end.micros == period.end || change.at.micros > period.start
            else { continue }
            func allocation(_ plan: UUID?) -> Int64 {
                plan.flatMap { rules.catalog.plan($0) }?.pricing.creditsAllocation.micros ?? 0
            }
            let difference = allocation(change.to) - allocation(change.from)
            let exact = Int128(abs(difference)) * Int128(period.end - change.at.micros)
            let length = Int128(period.end - period.start)
            let isUpgrade = period.purchases[change.id].map { $0.granted > 0 } ?? false
            if isUpgrade || difference > 0 && !change.givesBack {
                let share = Int64(exact / length / 10_000 * 10_000)
                if !buy(share, change, snapshot.status, &account, of: user, at: now) {
                    notGranted += share
                }
            } else {
                let hundredths = (exact + length * 10_000 - 1) / (length * 10_000)
                let share =
                    change.givesBack && difference < 0
                    ? min(-difference, Int64(hundredths) * 10_000) : 0
                let covered = min(notGranted, share)
                notGranted -= covered
                var due = share - covered
                if change.givesBack {
                    due = period.purchases[change.id]?.due ?? due
                    if due > 0 {
                        account.period.purchases[change.id, default: Purchase()].due = due
                        account.period.planID = change.to ?? account.period.planID
                    }
                }
                take(due, change.id, &account, of: user, at: now)
            }
        }
    }

    /// What invoices have left over goes back with their money, until it ends.
    func takeBackRollovers(_ snapshot: BillingSnapshot, of user: User, at now: Int64) {
        for place in user.grants.indices {
            guard now < user.grants[place].expiresAt ?? .max,
                let (invoice, own) = user.grants[place].leftOverOf,
                let paid = snapshot.periods.first(where: { $0.invoiceID == invoice })
            else { continue }
            let amount = user.grants[place].amount
            user.grants[place].takeBack = Self.part(amount, paid.money)
            // What went back while the period ran was taken out of its pool, and is not left over.
            guard own.taken > 0, paid.money.returned < paid.money.paid else { continue }
            let more = Self.part(own.granted, paid.money) - own.taken
            user.grants[place].takeBack =
                more > 0
                ? Self.part(
                    amount,
                    BillingSnapshot.Money(paid: own.granted - own.taken, returned: more)) : 0
        }
    }

    /// - Returns: whether the higher plan was paid for and granted.
    private func buy(
        _ share: Int64, _ change: BillingSnapshot.PlanChange, _ status: Subscription.Status,
        _ account: inout Account, of user: User, at now: Int64
    ) -> Bool {
        if account.period.purchases[change.id] == nil {
            guard change.isPaid else { return false }
            if change.money.isReturnedInFull { return true }
            guard [.active, .trialing, .pastDue].contains(status) else { return false }
            account.period.granted += share
            account.period.purchases[change.id] = Purchase(granted: share)
        }
        account.period.planID = change.to ?? account.period.planID
        let granted = account.period.purchases[change.id]?.granted ?? 0
        take(Self.part(granted, change.money), change.id, &account, of: user, at: now)
        return true
    }

    /// An upgrade of the period before whose money went back since is paid for by what was left of
    /// that period, then by the running one.
    private func returnFormer(
        _ snapshot: BillingSnapshot, _ account: inout Account, of user: User, at now: Int64
    ) {
        var isChanged = false
        for change in snapshot.changes where change.at.micros < account.period.start {
            guard var bought = account.former?.purchases[change.id], bought.granted > 0 else {
                continue
            }
            let more = Self.part(bought.granted, change.money) - bought.taken
            if more == 0 { continue }
            isChanged = true
            bought.taken += more
            let carried =
                more > 0 ? max(0, more - account.formerLeft) : -min(-more, bought.carried)
            bought.carried += carried
            account.formerLeft -= more - carried
            account.owed += carried
            account.former?.purchases[change.id] = bought
            comeBack(&account)
        }
        guard isChanged else { return }
        let left = max(
            0,
            account.period.granted - Self.used(by: account, user)
                - Self.held(by: account, user, at: now))
        let paid = min(left, account.owed)
        account.period.granted -= paid
        account.period.paidOff += paid
        account.owed -= paid
    }

    private func take(
        _ part: Int64, _ id: String, _ account: inout Account, of user: User, at now: Int64
    ) {
        var bought = account.period.purchases[id] ?? Purchase()
        let more = part - bought.taken
        guard more != 0 else { return }
        let inUse = Self.used(by: account, user) + Self.held(by: account, user, at: now)
        let left = max(0, account.period.granted - inUse)
        let carried = more > 0 ? max(0, more - left) : -min(-more, bought.carried)
        bought.taken = part
        bought.carried += carried
        account.period.granted -= more - carried
        account.owed += carried
        account.period.purchases[id] = bought
        comeBack(&account)
    }

    /// What was paid off of a debt that turned out to be none.
    private func comeBack(_ account: inout Account) {
        guard account.owed < 0 else { return }
        account.period.granted -= account.owed
        account.period.paidOff += account.owed
        account.owed = 0
    }

    private static func part(_ granted: Int64, _ money: BillingSnapshot.Money) -> Int64 {
        guard money.paid > 0 else { return 0 }
        let whole = Int128(money.paid) * 10_000
        let hundredths = (Int128(granted) * Int128(money.returned) + whole - 1) / whole
        return min(granted, Int64(hundredths) * 10_000)
    }

    private static func used(by account: Account, _ user: User) -> Int64 {
        drawn(ofPool: account.period.number, by: user, at: 0).charged
    }

    private static func held(by account: Account, _ user: User, at now: Int64) -> Int64 {
        drawn(ofPool: account.period.number, by: user, at: now).held
    }
}
