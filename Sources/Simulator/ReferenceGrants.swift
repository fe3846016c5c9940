import FoundationEssentials
import Ledger
import Values

/// What the model knows of grants beside the pool: what is left of one is worked out from the calls
/// that draw on it, each time.
extension ReferenceModel {
    func add(_ command: AddGrant, at now: Int64) -> Answer {
        guard let user = users[command.userID], user.account != nil else { return .noSubscription }
        if user.grants.contains(where: { $0.cause == command.cause }) { return .grantExists }
        let open = user.grants.indices.count { Self.remaining($0, of: user, at: now) > 0 }
        if open >= 64 && command.source != .topUp { return .tooManyGrants }
        let effectiveAt = command.effectiveAt?.micros ?? now
        let id = UUID.version7(at: Timestamp(clamping: now), randomness: command.randomness)
        user.grants.append(
            Grant(
                cause: command.cause,
                order: (command.priority, command.isPaid, effectiveAt, id.text),
                amount: command.amount.micros, expiresAt: command.expiresAt?.micros))
        user.changedAt = now
        return .grant(true)
    }

    /// A pack's payment: granted once, when it is heard of first; what is to be taken back is a
    /// total of what the pack said.
    func settle(_ command: SettleTopUp, at now: Int64) -> Answer {
        guard let user = users[command.userID], user.account != nil else { return .noAccount }
        var place = user.grants.firstIndex { $0.cause == command.cause }
        let isNew = place == nil
        if isNew {
            let id = UUID.version7(at: Timestamp(clamping: now), randomness: command.randomness)
            place = user.grants.count
            user.grants.append(
                Grant(
                    cause: command.cause, order: (50, command.isPaid, now, id.text),
                    amount: command.credits.micros,
                    expiresAt: command.validDays.map { now + $0 * ReferenceCalendar.day }))
            user.changedAt = now
        }
        if let place {
            user.grants[place].isFrozen = command.isFrozen
            user.grants[place].takeBack = min(command.takenBack.micros, command.credits.micros)
        }
        return .grant(isNew)
    }

    // MARK: What is left

    /// What calls hold of a grant and were charged of it.
    static func drawn(
        _ place: Int, of user: User, at now: Int64
    ) -> (held: Int64, charged: Int64) {
        var (held, charged): (Int64, Int64) = (0, 0)
        for call in user.calls {
            let isHeld = call.status(at: now) == .pending
            for draw in call.draws where draw.grant == place {
                held += isHeld ? draw.held : 0
                charged += draw.charged
            }
        }
        return (held, charged)
    }

    /// What is left of a grant by the clock, frozen or not.
    static func remaining(_ place: Int, of user: User, at now: Int64) -> Int64 {
        let grant = user.grants[place]
        if let end = grant.expiresAt, end <= now { return 0 }
        let drawn = drawn(place, of: user, at: now)
        return max(0, grant.amount - drawn.held - drawn.charged - grant.takeBack)
    }

    private static func drawable(_ place: Int, of user: User, at now: Int64) -> Int64 {
        let grant = user.grants[place]
        return grant.isFrozen || grant.order.effectiveAt > now
            ? 0 : remaining(place, of: user, at: now)
    }

    static func ofGrants(of user: User, at now: Int64) -> Int64 {
        user.grants.indices.reduce(0) { $0 + drawable($1, of: user, at: now) }
    }

    /// What the pool has left, while the running period or the grace after it lasts.
    static func ofPool(of user: User, _ rules: LedgerRules, at now: Int64) -> Int64 {
        guard let period = user.account?.period,
            now < period.end + rules.pastDueGrace * 1_000_000
        else { return 0 }
        return max(0, period.granted - used(by: user) - reserved(by: user, at: now))
    }

    static func available(to user: User, _ rules: LedgerRules, at now: Int64) -> Int64 {
        ofPool(of: user, rules, at: now) + ofGrants(of: user, at: now)
    }

    /// A trial's invoice is over nothing.
    static func isBought(_ account: Account) -> Bool {
        account.period.isPaid
            && account.trialEnd.map { $0.micros < account.period.end } ?? true
    }

    // MARK: Drawing

    /// What would be lost first is drawn first, and what was bought comes last.
    static func draw(
        _ credits: Int64, for place: Int, of user: User, _ rules: LedgerRules, at now: Int64
    ) {
        guard let period = user.account?.period else { return }
        typealias Candidate = (
            grant: Int?, left: Int64, key: (Int64, Int64, Int64, Int64, String)
        )
        let poolEnd =
            now < period.end ? period.end : period.end + rules.pastDueGrace * 1_000_000
        var candidates: [Candidate] = [
            (
                nil, ofPool(of: user, rules, at: now),
                (50, poolEnd, user.account.map(isBought) == true ? 1 : 0, period.start, "")
            )
        ]
        for (index, grant) in user.grants.enumerated() {
            candidates.append(
                (
                    index, drawable(index, of: user, at: now),
                    (
                        grant.order.priority, grant.expiresAt ?? .max,
                        grant.order.isPaid ? 1 : 0, grant.order.effectiveAt, grant.order.id
                    )
                ))
        }
        var missing = credits
        for candidate in candidates.sorted(by: { $0.key < $1.key }) where missing > 0 {
            let part = min(missing, candidate.left)
            guard part > 0 else { continue }
            missing -= part
            user.calls[place].draws.append(
                Draw(grant: candidate.grant, period: period.number, held: part))
        }
    }

    /// From the first draw on.
    static func charge(_ credits: Int64, to place: Int, of user: User, at now: Int64) {
        var missing = credits
        for index in user.calls[place].draws.indices where missing > 0 {
            let part = min(missing, user.calls[place].draws[index].held)
            missing -= part
            user.calls[place].draws[index].held -= part
            user.calls[place].draws[index].charged += part
        }
        user.calls[place].charge(credits, at: now)
    }
}
