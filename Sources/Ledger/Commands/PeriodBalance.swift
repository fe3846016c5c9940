import FoundationEssentials
import Values

/// What the running paid period's grants should be is a function of what Stripe says was paid,
/// changed and returned; what is missing is written as lines, so applying it again changes nothing.
extension BillingChange {
    /// Brings the running period in line with what was paid for it and what of that went back, and
    /// takes back what upgrades of the period before were granted where their money went back, and
    /// what earlier periods have left over where theirs did.
    mutating func balance(_ snapshot: BillingSnapshot) {
        takeBackRollovers(snapshot)
        let period = account.context.period
        guard period.source == .paid else { return }
        returnFormerUpgrades(snapshot, before: period)
        // What is billed by another subscription than the one that the period is of changes
        // nothing.
        guard let own = lines(.plan, in: period.number).first,
            let paid = snapshot.periods.first(where: { own.isOf($0.invoiceID) }),
            !paid.isTrial
        else { return }
        // What higher plans cost that was not granted. A lower plan gives that back first.
        var ungranted = catchUp(snapshot, paid)
        let isOfYear = account.context.year != nil
        // What went back in full ends the plan, see ``end(_:)``.
        let returned =
            paid.money.isReturnedInFull ? Credits.zero : own.credits.returned(paid.money)
        if !isOfYear, take(returned, of: paid.invoiceID, in: period.number) {
            events.append(.returnedInPart)
        }
        for change in changes(snapshot, within: period, of: paid) {
            let difference = allocation(change.to) - allocation(change.from)
            // What was granted as an upgrade stays one, whatever the catalog says by then.
            if grant(for: change) != nil || difference > .zero && !change.givesBack {
                let isGranted = grantUpgrade(
                    change, difference, mayGrant: snapshot.status.entitles)
                if !isGranted { ungranted += share(of: difference, from: change.at) }
            } else {
                takeBack(change, max(.zero, -difference), &ungranted)
            }
        }
        guard isOfYear else { return }
        returnParts(snapshot, of: own, paid)
        withhold(snapshot, paid)
    }

    /// The changes within the running period, or month of a year, that are of what paid for it.
    func changes(
        _ snapshot: BillingSnapshot, within period: BillingPeriod,
        of paid: BillingSnapshot.PaidPeriod
    ) -> [BillingSnapshot.PlanChange] {
        let next = snapshot.periods.map(\.start).filter { $0 > paid.start }.min()
        return snapshot.changes.filter {
            $0.isOf(period, until: account.context.paidUntil, before: next)
        }
    }

    /// Whether the running period was paid for by an invoice of this subscription.
    func isPaid(by snapshot: BillingSnapshot) -> Bool {
        let own = lines(.plan, in: account.context.period.number).first
        return snapshot.periods.contains { own?.isOf($0.invoiceID) ?? false }
    }

    func allocation(_ plan: UUID?) -> Credits {
        plan.flatMap { rules.catalog.plan($0) }?.pricing.creditsAllocation ?? .zero
    }

    /// Who pays for a third of the running period gets a third, down to the hundredth.
    private func share(of difference: Credits, from instant: Timestamp) -> Credits {
        let period = account.context.period
        return difference.share(
            period.end.micros - instant.micros, of: period.end.micros - period.start.micros)
    }

    /// A higher plan that nobody has paid for yet grants nothing.
    ///
    /// - Returns: whether it was paid for and granted, by now or before; what was returned in full
    ///   before it was granted counts.
    private mutating func grantUpgrade(
        _ change: BillingSnapshot.PlanChange, _ difference: Credits, mayGrant: Bool
    ) -> Bool {
        let number = account.context.period.number
        var granted = grant(for: change)
        if granted == nil {
            guard change.isPaid else { return false }
            if change.money.isReturnedInFull {
                // Of the coming months of a year it is withheld.
                if let plan = change.to, account.context.year != nil {
                    account.context.periodPlanID = plan
                }
                return true
            }
            guard mayGrant else { return false }
            let grant = account.grant(
                .upgrade, share(of: difference, from: change.at), cause: change.id, at: now)
            grants.append(grant)
            events.append(.upgraded)
            granted = grant
        }
        guard let granted else { return false }
        if let plan = change.to { account.context.periodPlanID = plan }
        // Of a month of a year, see ``returnParts(_:of:_:)``.
        guard account.context.year == nil else { return true }
        if take(granted.credits.returned(change.money), of: change.id, in: number) {
            events.append(.upgradeReturned)
        }
        return true
    }

    /// What the running period was granted for a change. Upgrades of earlier versions have the
    /// plan's name.
    func grant(for change: BillingSnapshot.PlanChange) -> CreditGrant? {
        let number = account.context.period.number
        return lines(.upgrade, change.id, in: number).first
            ?? change.to.flatMap { lines(.upgrade, $0.text, in: number).first }
    }

    /// A lower plan by which money goes back takes the same share back, up to the hundredth. What
    /// was taken once is not measured anew, whatever the catalog says by then.
    private mutating func takeBack(
        _ change: BillingSnapshot.PlanChange, _ difference: Credits, _ ungranted: inout Credits
    ) {
        let period = account.context.period
        var share = Credits.zero
        if change.givesBack {
            share = difference.shareRoundedUp(
                period.end.micros - change.at.micros,
                of: period.end.micros - period.start.micros)
            let covered = min(ungranted, share)
            ungranted -= covered
            let taken = lines(.revocation, change.id, in: period.number).first
            share = taken.map { -$0.credits } ?? share - covered
            if share > .zero, let plan = change.to { account.context.periodPlanID = plan }
        }
        _ = take(share, of: change.id, in: period.number)
    }

    /// Upgrades of the period before whose money went back since: what that period had left pays
    /// for it, the rest is a debt, which the running period pays as far as it can.
    private mutating func returnFormerUpgrades(
        _ snapshot: BillingSnapshot, before period: BillingPeriod
    ) {
        var isChanged = false
        let past = account.context.year?.start ?? period.start
        for change in snapshot.changes where change.at < past && !isOfYear(change) {
            let number = period.number - 1
            guard let granted = lines(.upgrade, change.id, in: number).first else { continue }
            let share = granted.credits.returned(change.money)
            if share == taken(change.id, in: number) { continue }
            isChanged = true
            if take(share, of: change.id, in: number) { events.append(.upgradeReturned) }
        }
        if isChanged { payOff(account.context.remaining) }
    }

    /// The months of a year that are over stay, also of the year before.
    private func isOfYear(_ change: BillingSnapshot.PlanChange) -> Bool {
        change.to.flatMap { rules.catalog.plan($0) }?.interval == .year
    }

    /// What a grant has paid off of a debt is owed again where the grant's own money went back.
    mutating func reopenDebt(paidOffBy invoiceID: String?) {
        let number = account.context.period.number
        guard let own = lines(.plan, in: number).first, let invoiceID, own.isOf(invoiceID)
        else { return }
        payOff(lines(.revocation, CreditGrant.debt, in: number).reduce(.zero) { $0 + $1.credits })
    }

    // MARK: Lines

    /// Takes back until `share` is taken of what a cause granted, or gives back what is too much.
    /// What was used or is reserved of it becomes a debt.
    ///
    /// - Returns: whether something was taken.
    mutating func take(_ share: Credits, of cause: String, in number: Int64) -> Bool {
        let missing = share - taken(cause, in: number)
        guard missing != .zero else { return false }
        let isRunning = number == account.context.period.number
        let left = isRunning ? account.context.remaining : account.context.formerLeft
        write(-missing, cause, in: number)
        // Where it gives back, what it had carried over goes first.
        let carried = CreditGrant.debt(of: cause)
        let before = lines(.revocation, carried, in: number).reduce(.zero) { $0 + $1.credits }
        let debt = missing > .zero ? max(.zero, missing - left) : -min(-missing, before)
        if debt != .zero {
            write(debt, carried, in: number)
            account.context.owed += debt
        }
        // What was owed has been paid off by a later grant, and comes back to it.
        if account.context.owed < .zero { payOff(.zero) }
        return missing > .zero
    }

    /// Of what of a cause was carried over as a debt, gives back what the running period has left.
    mutating func giveBackDebt(_ cause: String, in number: Int64) {
        let carried = CreditGrant.debt(of: cause)
        let debt = lines(.revocation, carried, in: number).reduce(.zero) { $0 + $1.credits }
        let part = min(debt, account.context.remaining)
        guard part > .zero else { return }
        write(-part, carried, in: number)
        account.context.owed -= part
        if account.context.owed < .zero { payOff(.zero) }
    }

    /// The running period pays what is owed, as far as `credits` go.
    private mutating func payOff(_ credits: Credits) {
        let paid = min(account.context.owed, credits)
        guard paid != .zero else { return }
        account.context.owed -= paid
        write(-paid, CreditGrant.debt, in: account.context.period.number)
    }

    func taken(_ cause: String, in number: Int64) -> Credits {
        lines(.revocation, cause, in: number).reduce(.zero) { $0 - $1.credits }
    }

    /// Writes the next revocation of its cause: the first has the cause's name, the others a number
    /// behind it.
    private mutating func write(_ credits: Credits, _ cause: String, in number: Int64) {
        let count = lines(.revocation, cause, in: number).count
        let isRunning = number == account.context.period.number
        if isRunning {
            account.context.allocated += credits
        } else {
            account.context.formerLeft += credits
        }
        grants.append(
            CreditGrant(
                userID: account.subscription.userID, periodNumber: number, kind: .revocation,
                cause: count == 0 ? cause : "\(cause) \(count + 1)", credits: credits,
                reason: nil, createdAt: now))
    }

    /// The lines of a period, those of this decision included, in their order: of a kind, and of a
    /// cause if one is named.
    func lines(
        _ kind: CreditGrant.Kind, _ cause: String? = nil, in number: Int64
    ) -> [CreditGrant] {
        (known + grants).filter { line in
            line.kind == kind && line.periodNumber == number
                && cause.map { line.isOf($0) } ?? true
        }
    }
}

extension CreditGrant {
    /// The cause of lines that carry what was used of a cause over as a debt.
    fileprivate static func debt(of cause: String) -> String { debt + " " + cause }

    /// Whether it is a line of this cause: the first has its name, the others a number behind it.
    func isOf(_ cause: String) -> Bool {
        if self.cause == cause { return true }
        guard self.cause.hasPrefix(cause + " ") else { return false }
        return Int(self.cause.dropFirst(cause.utf8.count + 1)) != nil
    }
}

extension BillingSnapshot.PlanChange {
    /// Whether it bills the rest of this period, or of the year that the period is a month of and
    /// that goes on until `paidUntil`. What starts a period anew gives back the rest of the one
    /// before at the same instant; what is changed from then on is of the new one.
    fileprivate func isOf(
        _ period: BillingPeriod, until paidUntil: Timestamp, before next: Timestamp?
    ) -> Bool {
        period.contains(at)
            && (end == paidUntil || at > period.start && next.map { at < $0 } ?? true)
    }
}

extension Credits {
    /// The part of this grant that was returned with its money: all of it or, of a part, its share,
    /// rounded up to the hundredth.
    func returned(_ money: BillingSnapshot.Money) -> Credits {
        guard self > .zero, money.returned > 0 else { return .zero }
        return shareRoundedUp(money.returned, of: money.paid)
    }

    /// The share `numerator / denominator` of this amount, rounded up to the hundredth of a credit,
    /// and never more than the amount.
    func shareRoundedUp(_ numerator: Int64, of denominator: Int64) -> Credits {
        guard denominator > 0 else { return .zero }
        let hundredth = Credits.microsPerCredit / 100
        let part = min(max(numerator, 0), denominator)
        let exact = denominator.dividingFullWidth(micros.multipliedFullWidth(by: part))
        let micros = exact.quotient + (exact.remainder == 0 ? 0 : 1)
        let rest = micros % hundredth
        return min(self, Credits(clamping: rest == 0 ? micros : micros - rest + hundredth))
    }
}
