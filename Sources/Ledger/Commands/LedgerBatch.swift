import FoundationEssentials
import Values

/// The accounts and logs that a batch of commands touches: loaded once, decided on in order (each
/// command sees the effect of those before it), written once.
public struct LedgerBatch: Sendable {
    public struct Entry: Sendable {
        public var user: UserStanding
        public var account: Account?
        /// Ids of reservations that were overdue when the batch was loaded.
        public var overdue: [UUID]
        /// A lower bound of the ends of the other reservations; `nil` if there are none.
        public var laterExpiry: Timestamp?
        /// The lines of the running period, of the one before it and of those that have a rollover
        /// which has not ended, where a command of the batch asks for them.
        public var grants: [CreditGrant]
        /// What counts against limits, where a command of the batch asks for it.
        public var spending: Spending?

        public init(
            user: UserStanding, account: Account?, overdue: [UUID],
            laterExpiry: Timestamp? = nil, grants: [CreditGrant] = [], spending: Spending? = nil
        ) {
            self.user = user
            self.account = account
            self.overdue = overdue
            self.laterExpiry = laterExpiry
            self.grants = grants
            self.spending = spending
        }
    }

    public private(set) var entries: [UUID: Entry]
    public private(set) var logs: [UUID: UsageLog]
    public private(set) var insertedLogs: [UUID] = []
    public private(set) var changedLogs: Set<UUID> = []
    public private(set) var steps: [HoldStep.Key: HoldStep]
    public private(set) var insertedSteps: [HoldStep.Key] = []
    public private(set) var grants: [CreditGrant] = []
    public private(set) var history: [SubscriptionChange] = []
    /// By the subscriptions that the batch's tokens are of.
    public private(set) var counters: [String: FencingCounters]
    private let keys: LoadedKeys
    /// What limited families of keys have spent, by the families' ids.
    public private(set) var keySpendings: [UUID: KeySpending]
    private var idsByKey: [IdempotencyKey: UUID]
    private var knownGrants: Set<GrantKey>
    /// Whether one of the logs is a call's that has a parent or children.
    private(set) var hasFamilies: Bool
    /// The calls that run below those that a command of the batch cancels.
    private(set) var families: [UUID: Set<UUID>]

    /// - Parameters:
    ///   - logs: every log that a command's subject names and every overdue one, the parents of
    ///     these, and the running calls below those that are canceled.
    ///   - knownGrants: which of the grants that commands must not repeat were made before.
    ///   - counters: of the subscriptions that commands' tokens are of.
    ///   - steps: which of the steps that commands name were taken before.
    ///   - families: the calls that run below those that are canceled, at any depth.
    ///   - keys: those that calls were made with.
    public init(
        entries: [UUID: Entry], logs: [UsageLog], knownGrants: Set<GrantKey>,
        counters: [String: FencingCounters] = [:], steps: [HoldStep] = [],
        families: [UUID: Set<UUID>] = [:], keys: LoadedKeys = LoadedKeys()
    ) {
        self.entries = entries
        self.families = families
        self.steps = Dictionary(
            steps.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        self.counters = counters
        self.knownGrants = knownGrants
        self.keys = keys
        keySpendings = keys.spendings
        self.logs = Dictionary(logs.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        hasFamilies = logs.contains { $0.parentID != nil || $0.creditsLent > .zero }
        self.idsByKey = Dictionary(
            logs.map { ($0.key, $0.id) }, uniquingKeysWith: { first, _ in first })
    }

    /// Decides on one command and keeps what follows from it.
    ///
    /// - Throws: ``LedgerDefect`` if the decision would break an invariant; nothing is kept then.
    public mutating func apply<Command: LedgerCommand>(
        _ command: Command, _ rules: LedgerRules, clock: Timestamp
    ) throws(LedgerDefect) -> Command.Outcome {
        let entry = entries[command.userID] ?? Entry(user: .missing, account: nil, overdue: [])
        let now = max(clock, entry.account?.context.decidedAt ?? clock)
        let key = keys.isEmpty ? nil : self.key(of: command)
        var position = Position(
            clock: clock, user: entry.user, account: entry.account,
            log: log(command.subject, isTest: key?.caller.isTest ?? false),
            overdue: entry.overdue.compactMap { logs[$0] }.filter { $0.isOverdue(at: now) },
            wasGranted: command.onceOnly.map { knownGrants.contains($0) } ?? false,
            grants: command.seesGrants ? entry.grants : [],
            appliedToken: command.token.flatMap { counters[$0.subscriptionID]?.applied } ?? 0,
            step: command.step.flatMap { steps[$0] },
            spending: command.seesSpending ? entry.spending : nil, key: key,
            keySpending: key.flatMap { keySpendings[$0.caller.familyID] })
        position.account?.lenders = lenders(of: command, position.log, position.overdue)
        if command.seesFamily, let log = position.log {
            position.family = family(of: log.id).map(\.id)
        }
        let expired = position.expireAhead(at: now)
        var decision = command.decide(position, rules, at: now)
        decision.logs = expired + decision.logs
        takeOver(from: &decision)
        decision.noteBalances(known: logs, rules, at: now)
        let news = ChargeNews(
            limits: countSpending(of: command, in: &decision, entry, at: now),
            isLow: decision.leavesTooLittle(known: logs, rules, at: now))
        if !news.isEmpty, let context = decision.account?.context {
            decision.outcome = Command.outcome(decision.outcome, telling: news, of: context)
        }
        if !decision.erasesUser { try check(decision, of: command.userID, before: entry.account) }
        keep(decision, for: command.userID)
        return decision.outcome
    }

    /// Counts what the decision captures and holds against the account's limits, if it has some or
    /// a later command of the batch may set some.
    ///
    /// - Returns: what the user is to be told of them.
    private mutating func countSpending<Command: LedgerCommand>(
        of command: Command, in decision: inout Decision<Command.Outcome>, _ entry: Entry,
        at now: Timestamp
    ) -> [LimitAlert] {
        guard entry.spending != nil || decision.account?.context.brakes != nil else { return [] }
        let before = entry.account?.context.brakes
        let alerts = decision.countSpending(from: before, known: logs, at: now)
        if var spending = entry.spending {
            let moved = decision.movement(logs)
            spending.count(captured: moved.captured, held: moved.held, at: now)
            entries[command.userID]?.spending = spending
        }
        return alerts
    }

    /// Takes over what the decision has moved of grants and of calls that lend, beside what it says
    /// itself.
    private func takeOver<Outcome>(from decision: inout Decision<Outcome>) {
        guard let account = decision.account else { return }
        decision.grants += account.lines
        decision.account?.lines = []
        decision.account?.freed = .zero
        guard !account.lenders.isEmpty else { return }
        decision.account?.lenders = [:]
        let told = Set(decision.logs.map(\.id))
        decision.logs += account.lenders.values.filter {
            !told.contains($0.id) && $0 != logs[$0.id]
        }
    }

    private func check<Outcome>(
        _ decision: Decision<Outcome>, of userID: UUID, before: Account?
    ) throws(LedgerDefect) {
        var known: [UUID: UsageLog] = [:]
        for log in decision.logs {
            known[log.id] = logs[log.id]
            if let parent = log.parentID { known[parent] = logs[parent] }
        }
        try DecisionCheck(userID: userID, before: before, known: known).judge(decision)
    }

    /// - Parameter isTest: whether the key that the call is made with is for tests.
    private func log(_ subject: LedgerSubject?, isTest: Bool) -> UsageLog? {
        switch subject {
        case .key(var key):
            if isTest { key.isTest = true }
            return idsByKey[key].flatMap { logs[$0] }
        case .id(let id): return logs[id]
        case nil: return nil
        }
    }

    private func key(of command: some LedgerCommand) -> KeyOfCall? {
        if command.keyOfLog != .never {
            return log(command.subject, isTest: false)?.caller.flatMap { keys.byID[$0.keyID] }
        }
        return command.keyHashes.lazy.compactMap { keys.byHash[$0] }.first
    }

    private mutating func keep<Outcome>(_ decision: Decision<Outcome>, for userID: UUID) {
        if decision.erasesUser {
            erase(userID)
            return
        }
        if entries[userID]?.account == nil, let account = decision.account {
            entries[userID]?.spending = Spending(since: account.context.decidedAt)
        }
        entries[userID]?.account = decision.account
        if let account = decision.account, !account.grants.isEmpty {
            // All that are open were loaded.
            entries[userID]?.account?.context.openGrants = Int64(
                account.grants.count { $0.isOpen })
        }
        if let standing = decision.standing { entries[userID]?.user = standing }
        for log in decision.logs {
            if let caller = log.caller, !keySpendings.isEmpty {
                keySpendings[caller.familyID]?.count(log, was: logs[log.id])
            }
            if logs[log.id] == nil {
                insertedLogs.append(log.id)
                join(log)
            } else {
                changedLogs.insert(log.id)
            }
            logs[log.id] = log
            idsByKey[log.key] = log.id
        }
        if !decision.logs.isEmpty { keepEarliestExpiry(of: userID, decision.logs) }
        for step in decision.steps {
            steps[step.key] = step
            insertedSteps.append(step.key)
        }
        for grant in decision.grants {
            grants.append(grant)
            entries[userID]?.grants.append(grant)
            knownGrants.insert(
                GrantKey(userID: grant.userID, kind: grant.kind, cause: grant.cause))
        }
        history += decision.history
        if let token = decision.token { counters[token.subscriptionID]?.applied = token.number }
    }

    /// A new call that has a parent runs below all that its parent runs below.
    private mutating func join(_ log: UsageLog) {
        guard let parent = log.parentID else { return }
        hasFamilies = true
        for (id, family) in families where id == parent || family.contains(parent) {
            families[id]?.insert(log.id)
        }
    }

    /// Keeps the bound of what is held once some of it has changed.
    private mutating func keepEarliestExpiry(of userID: UUID, _ changed: [UsageLog]) {
        guard var entry = entries[userID] else { return }
        for log in changed where log.mayLapse && !entry.overdue.contains(log.id) {
            entry.laterExpiry = min(entry.laterExpiry ?? log.expiresAt, log.expiresAt)
        }
        let overdue = entry.overdue.compactMap { logs[$0] }.filter(\.mayLapse).map(\.expiresAt)
        entry.account?.context.earliestExpiry =
            (overdue + [entry.laterExpiry].compactMap { $0 }).min()
        entries[userID] = entry
    }

    /// Hands the subscription's next fencing token out.
    public mutating func takeToken(of subscriptionID: String) -> FencingToken {
        let number = (counters[subscriptionID]?.issued ?? 0) + 1
        counters[subscriptionID, default: FencingCounters(issued: 0, applied: 0)].issued = number
        return FencingToken(subscriptionID: subscriptionID, number: number)
    }

    /// Forgets what the batch knew of the user, so that nothing of theirs is written afterwards
    /// and later commands of the batch find nobody.
    private mutating func erase(_ userID: UUID) {
        let subscriptionID = entries[userID]?.account?.subscription.id
        entries[userID] = Entry(user: .missing, account: nil, overdue: [])
        let erased = Set(logs.values.filter { $0.key.userID == userID }.map(\.id))
        for id in erased {
            if let log = logs.removeValue(forKey: id) { idsByKey[log.key] = nil }
        }
        insertedLogs.removeAll { erased.contains($0) }
        changedLogs.subtract(erased)
        insertedSteps.removeAll { steps[$0]?.userID == userID }
        steps = steps.filter { $0.value.userID != userID }
        grants.removeAll { $0.userID == userID }
        history.removeAll { $0.subscriptionID == subscriptionID }
    }
}
