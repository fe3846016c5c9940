import FoundationEssentials
import Ledger
import Values

/// The rules of the design once more, plainly: one thread, no batches, no faults, no counters.
/// What is used, reserved or left is added up from the calls each time, and whatever the clock
/// decides (an expired reservation, a new month) is worked out from the clock. It shares values
/// with the ledger and no decision.
///
/// Each operation is told its instant: the clock's, or that of the account's last decision where
/// that is later.
final class ReferenceModel {
    private(set) var users: [UUID: User] = [:]
    /// By subscriptions: the number of the newest fetch that was applied.
    var appliedTokens: [String: Int64] = [:]
    var placeOfCall: [UUID: (user: UUID, place: Int)] = [:]

    func insertUser(_ id: UUID) { users[id] = User() }
    func setActive(_ id: UUID, _ isActive: Bool) { users[id]?.isActive = isActive }

    /// - Parameters:
    ///   - clock: what the deciding process's clock says, from which a client waits.
    ///   - fresh: the id that the code under test gave, for a call that is new.
    func apply(
        _ operation: SimulatedOperation, _ rules: LedgerRules, at now: Int64, clock: Int64,
        fresh: UUID?
    ) -> Answer {
        guard let user = users[operation.command.userID],
            user.calls.contains(where: { $0.isExpired(at: now) && $0.holdsDraws })
        else { return decide(operation, rules, at: now, clock: clock, fresh: fresh) }
        var subject: UUID?
        switch operation.command.subject {
        case .id(let id): subject = id
        case .key(let key): subject = user.placeOfKey[key].map { user.calls[$0].id }
        case nil: break
        }
        let (before, changedAt) = (Balance(user), user.changedAt)
        Self.noteLapsed(user, but: subject, at: now)
        let noted = Balance(user)
        let answer = decide(operation, rules, at: now, clock: clock, fresh: fresh)
        // What changes nothing is not remembered: the next decision may be by a clock that is
        // behind, at which less has lapsed.
        if user.changedAt == changedAt, Balance(user) == noted { before.restore(user) }
        return answer
    }

    private func decide(
        _ operation: SimulatedOperation, _ rules: LedgerRules, at now: Int64, clock: Int64,
        fresh: UUID?
    ) -> Answer {
        switch operation {
        case .activate(let command): activate(command, rules, at: now)
        case .validate(let command): validate(command, rules, at: now, clock: clock, fresh: fresh)
        case .commit(let command): commit(command, rules, at: now)
        case .accept(let command): accept(command.commit, rules, at: now)
        case .withdraw(let command): withdraw(command.commit, at: now)
        case .record(let command): record(command, rules, at: now, clock: clock, fresh: fresh)
        case .extend(let command): extend(command, rules, at: now, clock: clock)
        case .capture(let command): capture(command, at: now)
        case .cancel(let command): cancel(command, at: now)
        case .limit(let command): limit(command, at: now)
        case .readLimits(let command): readLimits(command.userID, at: now)
        case .settle(let command): settle(command.userID, rules, at: now)
        case .adjust(let command): adjust(command, rules, at: now)
        case .addGrant(let command): add(command, at: now)
        case .settleTopUp(let command): settle(command, at: now)
        case .linkCustomer(let command): link(command)
        case .applyBilling(let command): mirrorNewest(command, rules, at: now)
        case .erase(let command): erase(command.userID, rules, at: now)
        }
    }

    // MARK: Validate: subscription, rate limits, idempotency, quota, limits, reservation

    private func validate(
        _ command: ValidateUsage, _ rules: LedgerRules, at now: Int64, clock: Int64, fresh: UUID?
    ) -> Answer {
        guard let user = users[command.userID] else { return .unknownUser }
        guard user.isActive else { return .deactivatedUser }
        guard let feature = rules.catalog.features[command.featureKey] else {
            return .unknownFeature
        }
        let maximum = feature.maximumHoldSeconds ?? rules.reservationTTL
        if let seconds = command.holdSeconds, seconds > maximum { return .holdTooLong(maximum) }
        let parent = command.parent.flatMap { placeOfCall[$0] }
        if command.parent != nil, parent?.user != command.userID { return .unknownParent }
        Self.noteLapsed(user, at: now)
        guard catchUp(user, rules, at: now), let account = user.account,
            let plan = rules.catalog.plan(account.planID)
        else { return .denied(.noSubscription, []) }
        func limits() -> [LimitView] { Self.limits(of: user, plan, at: now) }
        let known = user.placeOfKey[command.key].map { user.calls[$0] }

        guard Self.isEntitled(account, at: now, grace: rules.pastDueGrace) else {
            return .denied(.subscriptionInactive, limits())
        }
        if let reset = limits().filter({ $0.remaining == 0 }).map(\.resetAt).max() {
            return .denied(.rateLimited(retryAfter: Self.seconds(from: clock, to: reset)), limits())
        }
        if let known {
            let status = known.status(at: now)
            if known.feature != command.featureKey || known.parent != parent?.place {
                return .denied(.requestMismatch(usageID: known.id, status), limits())
            }
            if status != .pending || known.acceptedAs != nil {
                // What was accepted for later is as good as done.
                let told = status == .pending ? known.acceptedAs ?? status : status
                return .denied(.requestAlreadyFinished(usageID: known.id, told), limits())
            }
            return .granted(
                known.id, credits: known.kept, expiresAt: known.expiresAt,
                isReplay: true, limits())
        }
        let multiplier = plan.pricing.multiplier.millionths
        let cost = ReferencePrice(feature, multiplier).held(for: command.call.announced)
        if let parent {
            if let denial = Self.denial(by: user.calls[parent.place], cost, at: now) {
                return .denied(denial, limits())
            }
        } else if cost > Self.available(to: user, rules, at: now) {
            let reset = Self.quotaReturns(account, rules, at: now)
            return .denied(Self.quotaExceeded(user, cost, reset, at: now, clock), limits())
        }
        if parent == nil, let refusal = Self.overspent(user, cost, at: now, clock: clock) {
            return .denied(.spendingLimitReached(refusal), limits())
        }
        guard let id = fresh, placeOfCall[id] == nil else { return .unknownUsage }
        let seconds = command.holdSeconds ?? min(maximum, rules.reservationTTL)
        begin(
            Call(
                id: id, feature: command.featureKey, period: account.period.number, cost: cost,
                createdAt: now, expiresAt: now + 1_000_000 * seconds, terms: feature,
                multiplier: multiplier, announcedModel: command.call.model,
                parent: parent?.place), command, user)
        Self.take(cost, for: user.calls.count - 1, of: user, rules, at: now)
        user.changedAt = now
        return .granted(
            id, credits: cost, expiresAt: now + 1_000_000 * seconds, isReplay: false, limits())
    }

    private static func quotaExceeded(
        _ user: User, _ cost: Int64, _ reset: Int64, at now: Int64, _ clock: Int64
    ) -> ValidateUsage.Denial {
        .quotaExceeded(
            used: Credits(clamping: used(by: user) + reserved(by: user, at: now)),
            limit: Credits(
                clamping: (user.account?.period.granted ?? 0) + ofGrants(of: user, at: now)),
            needed: Credits(clamping: cost), retryAfter: seconds(from: clock, to: reset))
    }

    private func begin(_ call: Call, _ command: ValidateUsage, _ user: User) {
        placeOfCall[call.id] = (command.userID, user.calls.count)
        user.placeOfKey[command.key] = user.calls.count
        user.calls.append(call)
    }

    /// Active, trialing or past due within the grace; what was paid for is theirs whatever the
    /// status says, for the grace after its end.
    static func isEntitled(_ account: Account, at now: Int64, grace: Int64) -> Bool {
        let mayRun: [Subscription.Status] = [.active, .trialing, .pastDue]
        return now < account.period.end + grace * 1_000_000
            && (account.period.isPaid || mayRun.contains(account.status))
    }

    /// Counts the reservations of the UTC calendar minute and day; nothing else counts.
    static func limits(of user: User, _ plan: Plan, at now: Int64) -> [LimitView] {
        [
            (Int64(60), plan.pricing.rateLimitPerMinute),
            (Int64(86_400), plan.pricing.rateLimitPerDay),
        ].compactMap { span, limit in
            guard let limit else { return nil }
            let start = now - now % (span * 1_000_000)
            let count = user.calls.reversed().prefix { $0.createdAt >= start }.count
            return LimitView(
                seconds: span, limit: limit, remaining: max(0, limit - Int64(count)),
                resetAt: start + span * 1_000_000)
        }
    }

    static func quotaReturns(_ account: Account, _ rules: LedgerRules, at now: Int64) -> Int64 {
        let end = account.period.end
        return now < end ? end : end + rules.pastDueGrace * 1_000_000
    }

    static func seconds(from now: Int64, to later: Int64) -> Int64 {
        (later - now + 999_999) / 1_000_000
    }

    static func used(by user: User) -> Int64 {
        drawn(ofPool: user.account?.period.number ?? 0, by: user, at: 0).charged
    }

    static func reserved(by user: User, at now: Int64) -> Int64 {
        drawn(ofPool: user.account?.period.number ?? 0, by: user, at: now).held
    }

    /// What calls hold of a period's pool and were charged of it.
    static func drawn(
        ofPool number: Int, by user: User, at now: Int64
    ) -> (held: Int64, charged: Int64) {
        var (held, charged): (Int64, Int64) = (0, 0)
        for call in user.calls {
            let isHeld = call.status(at: now) == .pending
            for draw in call.draws where draw.grant == nil && draw.period == number {
                held += isHeld ? draw.held : 0
                charged += draw.charged
            }
        }
        return (held, charged)
    }

    // MARK: Reading

    /// Starts the free month in which `now` lies, where the one before is over.
    ///
    /// - Returns: whether there is an account.
    func catchUp(_ user: User, _ rules: LedgerRules, at now: Int64) -> Bool {
        guard var account = user.account else { return false }
        Self.startMonthIfDue(&account, of: user, rules, at: now)
        if account != user.account { user.changedAt = now }
        user.account = account
        return true
    }

    private func settle(_ id: UUID, _ rules: LedgerRules, at now: Int64) -> Answer {
        guard let user = users[id], catchUp(user, rules, at: now), let account = user.account
        else { return .balance(nil, reserved: 0, []) }
        return .balance(
            view(user), reserved: Self.reserved(by: user, at: now),
            rules.catalog.plan(account.planID).map { Self.limits(of: user, $0, at: now) } ?? [],
            available: Self.available(to: user, rules, at: now))
    }

    func view(_ user: User) -> AccountView? {
        user.account.map {
            AccountView(
                planID: $0.planID, status: $0.status, customerID: $0.customerID,
                stripeSubscriptionID: $0.subscriptionID,
                cancelAtPeriodEnd: $0.cancelAtPeriodEnd, canceledAt: $0.canceledAt,
                scheduled: $0.scheduled,
                trialEnd: $0.trialEnd, trialUsed: $0.trialUsed, periodStart: $0.period.start,
                periodEnd: $0.period.end, allocated: $0.period.granted, used: Self.used(by: user),
                owed: $0.owed)
        }
    }

    func forget(_ id: UUID) {
        for call in users[id]?.calls ?? [] { placeOfCall[call.id] = nil }
        users[id] = nil
    }
}
