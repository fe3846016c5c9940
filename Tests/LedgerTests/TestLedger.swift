import Foundation
import Ledger
import Values

/// The ledger over dictionaries: what a database keeps between batches is kept here.
struct TestLedger {
    static let start = Timestamp(rfc3339: "2026-01-31T12:00:00Z")!
    static let free = plan(1, "Free", .free, price: 0, credits: "25", minute: 10, day: 100)
    static let plus = plan(2, "Plus", .paid, price: 2000, credits: "500", minute: 30, day: 1000)
    static let pro = plan(3, "Pro", .paid, price: 4000, credits: "2000", minute: 60, day: nil)

    var now = start
    var users: [UUID: UserStanding] = [:]
    var accounts: [UUID: Account] = [:]
    var logs: [UUID: UsageLog] = [:]
    var grants: [CreditGrant] = []
    var steps: [HoldStep.Key: HoldStep] = [:]
    var counters: [String: FencingCounters] = [:]
    var history: [SubscriptionChange] = []
    var keys: [KeyHash: KeyOfCall] = [:]
    /// What a test may change, as an operator changes the catalog or the settings.
    var rules = Self.rules
    var generator = SeededGenerator(seed: 1)

    static func plan(
        _ number: UInt8, _ name: String, _ kind: Plan.Kind, price: Int64, credits: String,
        minute: Int64?, day: Int64?, multiplier: String = "1.00"
    ) -> Plan {
        Plan(
            id: UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number)), name: name,
            description: "", price: Money(amount: price, currency: .usd)!, displayPrice: "",
            kind: kind,
            trialDays: 7, isActive: true, rank: Int64(number), features: [],
            lookupKey: kind == .paid ? name.lowercased() : nil,
            pricing: PlanPricingRule(
                multiplier: Multiplier(decimal: multiplier)!,
                creditsAllocation: Credits(decimal: credits)!, rateLimitPerMinute: minute,
                rateLimitPerDay: day))
    }

    static let rules = LedgerRules(
        catalog: try! Catalog(
            revision: 1, plans: [free, plus, pro],
            features: [
                FeatureCostConfig(
                    featureKey: "match", productType: "career",
                    internalCost: Credits(decimal: "1")!),
                FeatureCostConfig(
                    featureKey: "words", productType: "career",
                    internalCost: Credits(decimal: "0.5")!),
            ]),
        reservationTTL: 900, pastDueGrace: 3 * 86_400)

    @discardableResult
    mutating func apply<Command: LedgerCommand>(_ command: Command) -> Command.Outcome {
        var entries: [UUID: LedgerBatch.Entry] = [:]
        if let standing = users[command.userID] {
            let held = logs.values.filter { $0.key.userID == command.userID && $0.mayLapse }
            let later = held.filter { !$0.isOverdue(at: now) }.map(\.expiresAt).min()
            entries[command.userID] = LedgerBatch.Entry(
                user: standing, account: accounts[command.userID],
                overdue: held.filter { $0.isOverdue(at: now) }.map(\.id), laterExpiry: later,
                grants: latestGrants(command.userID), spending: spending(command.userID))
        }
        var batch = LedgerBatch(
            entries: entries, logs: Array(logs.values),
            knownGrants: Set(
                grants.map { GrantKey(userID: $0.userID, kind: $0.kind, cause: $0.cause) }),
            counters: counters, steps: Array(steps.values),
            families: families(command.subject), keys: loadedKeys)
        let outcome: Command.Outcome
        do {
            outcome = try batch.apply(command, rules, clock: now)
        } catch {
            preconditionFailure("\(error)")
        }
        accounts[command.userID] = batch.entries[command.userID]?.account
        logs = batch.logs
        steps = batch.steps
        counters = batch.counters
        grants += batch.grants
        history += batch.history
        return outcome
    }

    private func families(_ subject: LedgerSubject?) -> [UUID: Set<UUID>] {
        guard case .id(let id) = subject else { return [:] }
        return [id: LedgerBatch.running(below: id, in: logs.values)]
    }

    private func latestGrants(_ user: UUID) -> [CreditGrant] {
        let running = accounts[user]?.context.period.number ?? 1
        let rolled = accounts[user]?.grants.filter { !$0.isExpired(at: now) }.map(\.cause) ?? []
        return grants.filter {
            $0.userID == user
                && ($0.periodNumber >= running - 1
                    || rolled.contains(StandaloneGrant.causeOfRollover(of: $0.periodNumber)))
        }
    }

    private func spending(_ user: UUID) -> Spending? {
        accounts[user].map { account in
            Spending(
                of: logs.values.filter { $0.key.userID == user },
                steps.values.filter { $0.userID == user }, at: account.context.decidedAt)
        }
    }

    mutating func newUser() -> UUID {
        let id = UUID.version7(at: now, randomness: generator.next())
        users[id] = .active
        apply(ActivateFreeSubscription(userID: id, subscriptionID: id, former: nil))
        return id
    }

    mutating func validate(
        _ user: UUID, _ request: String = "r", feature: String = "match", hash: String = "0"
    ) -> ValidateUsage.Outcome {
        apply(
            ValidateUsage(
                key: IdempotencyKey(userID: user, requestID: request, payloadHash: hash),
                featureKey: feature, call: UsageLog.Call(endpoint: "/", method: "POST"),
                randomness: generator.next()))
    }

    /// The id of a reservation that must be granted.
    mutating func reserve(_ user: UUID, _ request: String = "r", feature: String = "match") -> UUID
    {
        guard case .granted(let grant, _) = validate(user, request, feature: feature) else {
            return UUID()
        }
        return grant.usageID
    }

    mutating func commit(
        _ user: UUID, _ usage: UUID, success: Bool = true, acceptedAt: Timestamp? = nil
    ) -> CommitUsage.Outcome {
        apply(
            CommitUsage(
                userID: user, usageID: usage,
                result: success
                    ? .success : .failure(UsageLog.Failure(type: .timeout, reason: "slow")),
                metrics: UsageLog.Metrics(), acceptedAt: acceptedAt))
    }

    mutating func advance(days: Int64 = 0, seconds: Int64 = 0) {
        now = now.adding(seconds: days * 86_400 + seconds)
    }

    func context(_ user: UUID) -> CareerSubscriptionContext { accounts[user]!.context }

    /// The four invariants, recomputed from the logs and grants alone.
    func brokenInvariants() -> [String] {
        var broken: [String] = []
        for (user, account) in accounts {
            let number = account.context.period.number
            let own = logs.values.filter { $0.key.userID == user }
            let used = own.map { $0.charged(ofPool: number) }.reduce(Credits.zero, +)
            let reserved = own.map { $0.held(ofPool: number) }.reduce(Credits.zero, +)
            broken += Self.brokenGrants(account, own)
            let granted = grants.filter { $0.userID == user && $0.periodNumber == number }
            let allocated = granted.map(\.credits).reduce(Credits.zero, +)
            let first = logs.values.filter { $0.key.userID == user && $0.mayLapse }
                .map(\.expiresAt).min()
            if let first, first < account.context.earliestExpiry ?? .epoch.adding(seconds: .max) {
                broken.append("earliest expiry")
            }
            if let brakes = account.context.brakes {
                let sum = Spending(
                    of: logs.values.filter { $0.key.userID == user },
                    steps.values.filter { $0.userID == user }, at: brakes.spending.countedAt)
                if sum != brakes.spending { broken.append("spending") }
            }
            broken += brokenFamilies(own)
            if used != account.context.used { broken.append("used") }
            if reserved != account.context.reserved { broken.append("reserved") }
            if allocated != account.context.allocated { broken.append("allocated") }
            let debts = grants.filter {
                $0.userID == user && $0.kind == .revocation && $0.cause.hasPrefix("debt")
            }
            let owed = debts.map(\.credits).reduce(Credits.zero, +)
            if owed != account.context.owed || owed < .zero { broken.append("owed") }
        }
        let keys = grants.map { "\($0.userID) \($0.periodNumber) \($0.kind) \($0.cause)" }
        if Set(keys).count != keys.count { broken.append("granted twice") }
        return broken
    }
}

/// SplitMix64: the same seed, the same run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension BillingSnapshot {
    /// One paid period, at most one upgrade within it, charged at once, and nothing returned but
    /// the whole payment of `in_1`.
    init(
        customerID: String, subscriptionID: String, planID: UUID, status: Subscription.Status,
        cancelAtPeriodEnd: Bool, canceledAt: Timestamp?, endedAt: Timestamp?,
        trialEnd: Timestamp?, paid: PaidPeriod?, isRevoked: Bool, changedPlanAt: Timestamp?
    ) {
        let start = TestLedger.start
        let lost = PaidPeriod(
            invoiceID: "in_1", planID: planID, start: start,
            end: start.adding(seconds: 30 * 86_400), money: Money(paid: 2000, returned: 2000))
        let period = isRevoked ? lost : paid
        func rank(_ plan: UUID?) -> Int64 {
            plan.flatMap { TestLedger.rules.catalog.plan($0) }?.rank ?? 0
        }
        var changes: [PlanChange] = []
        if let at = changedPlanAt, let period, rank(period.planID) < rank(planID) {
            changes = [
                PlanChange(
                    id: "ii_\(at.seconds)", at: at, end: period.end, from: period.planID,
                    to: planID, isPaid: true, givesBack: false)
            ]
        }
        self.init(
            customerID: customerID, subscriptionID: subscriptionID, planID: planID,
            status: status, cancelAtPeriodEnd: cancelAtPeriodEnd, canceledAt: canceledAt,
            endedAt: endedAt, trialEnd: trialEnd, periods: period.map { [$0] } ?? [],
            changes: changes)
    }
}

extension SettleTopUp {
    /// What becomes of the payment of a grant that is there.
    init(of user: UUID, _ cause: String, takenBack: Credits = .zero, isFrozen: Bool = false) {
        self.init(
            userID: user, cause: cause, credits: Credits(decimal: "1")!, validDays: nil,
            isPaid: true, takenBack: takenBack, isFrozen: isFrozen, randomness: 0)
    }
}
