import FoundationEssentials
import Values

/// One operation on one user's account. `decide` is the only place where its rule lives; whatever
/// stores the account (SQLite, PostgreSQL, a test's dictionary) only loads and writes.
public protocol LedgerCommand: Sendable {
    associatedtype Outcome: Sendable

    /// Whose account it concerns.
    var userID: UUID { get }
    /// The usage log that the decision must see, if any.
    var subject: LedgerSubject? { get }
    /// Whether the decision must see the user's overdue reservations of earlier periods too. Those
    /// of the running period are seen by every decision.
    var seesAllOverdue: Bool { get }
    /// Whether the decision must see the whole subscription, or only its id, plan and status.
    var seesSubscription: Bool { get }
    /// Whether the decision must see the lines of the running period and of the one before it.
    var seesGrants: Bool { get }
    /// A grant that must not be made twice, in whatever period: the decision is told whether it
    /// was made before.
    var onceOnly: GrantKey? { get }

    /// The token under which what the command writes was fetched; a decision that sees a later one
    /// applied writes nothing.
    var token: FencingToken? { get }

    /// Says what to do; does nothing itself. `now` is never before the account's last decision.
    func decide(_ position: Position, _ rules: LedgerRules, at now: Timestamp)
        -> Decision<Outcome>

    /// What metrics count it as.
    static func name(of outcome: Outcome) -> DecisionName
}

extension LedgerCommand {
    public var seesAllOverdue: Bool { false }
    public var seesSubscription: Bool { true }
    public var seesGrants: Bool { false }
    public var onceOnly: GrantKey? { nil }
    public var token: FencingToken? { nil }
}

/// What a grant was made for.
public struct GrantKey: Sendable, Hashable {
    public let userID: UUID
    public let kind: CreditGrant.Kind
    public let cause: String

    public init(userID: UUID, kind: CreditGrant.Kind, cause: String) {
        self.userID = userID
        self.kind = kind
        self.cause = cause
    }
}

/// How a command names the one usage log that it is about.
public enum LedgerSubject: Sendable, Hashable {
    case key(IdempotencyKey)
    case id(UUID)
}

/// What is the same for every account: the catalog in force and the two spans of the settings.
public struct LedgerRules: Sendable {
    public let catalog: Catalog
    /// How long a reservation is held without a commit, in seconds.
    public let reservationTTL: Int64
    /// How long after the last paid period its remainder stays usable, in seconds.
    public let pastDueGrace: Int64

    public init(catalog: Catalog, reservationTTL: Int64, pastDueGrace: Int64) {
        self.catalog = catalog
        self.reservationTTL = reservationTTL
        self.pastDueGrace = pastDueGrace
    }
}

/// Whether the user behind an account may act at all.
public enum UserStanding: Sendable, Hashable {
    case missing
    case deactivated
    case active
}

/// All that a decision looks at.
public struct Position: Sendable {
    /// What the deciding process's clock says. It is earlier than the decision's instant where the
    /// account was decided on by a clock that is ahead; what a client is told to wait for is
    /// counted from it.
    public var clock: Timestamp
    public var user: UserStanding
    /// `nil` where the user has no Career subscription.
    public var account: Account?
    /// The log that the command is about, where there is one.
    public var log: UsageLog?
    /// The user's overdue reservations.
    public var overdue: [UsageLog]
    /// Whether the grant that the command must not repeat was made before.
    public var wasGranted: Bool
    /// The lines of the running period and of the one before it, where the command asks for them.
    public var grants: [CreditGrant]
    /// The highest number that was applied of the subscription that the command's token is of.
    public var appliedToken: Int64

    public init(
        clock: Timestamp, user: UserStanding, account: Account?, log: UsageLog?,
        overdue: [UsageLog], wasGranted: Bool, grants: [CreditGrant] = [], appliedToken: Int64 = 0
    ) {
        self.clock = clock
        self.user = user
        self.account = account
        self.log = log
        self.overdue = overdue
        self.wasGranted = wasGranted
        self.grants = grants
        self.appliedToken = appliedToken
    }
}

/// What is to be written, and what is to be answered once it is durable.
public struct Decision<Outcome: Sendable>: Sendable {
    public var outcome: Outcome
    /// The account as it stands afterwards; `nil` where there is none.
    public var account: Account?
    /// Logs that are new or have changed.
    public var logs: [UsageLog] = []
    public var grants: [CreditGrant] = []
    public var history: [SubscriptionChange] = []
    /// The token whose fetch is applied by this decision.
    public var token: FencingToken?
    /// How the account stands from now on; `nil` if that does not change.
    public var standing: UserStanding?
    /// The user and all that is theirs are erased in the same database transaction.
    public var erasesUser = false

    public init(_ outcome: Outcome, account: Account?) {
        self.outcome = outcome
        self.account = account
    }
}

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
        /// The lines of the running period and of the one before it, where a command of the batch
        /// asks for them.
        public var grants: [CreditGrant]

        public init(
            user: UserStanding, account: Account?, overdue: [UUID],
            laterExpiry: Timestamp? = nil, grants: [CreditGrant] = []
        ) {
            self.user = user
            self.account = account
            self.overdue = overdue
            self.laterExpiry = laterExpiry
            self.grants = grants
        }
    }

    public private(set) var entries: [UUID: Entry]
    public private(set) var logs: [UUID: UsageLog]
    public private(set) var insertedLogs: [UUID] = []
    public private(set) var changedLogs: Set<UUID> = []
    public private(set) var grants: [CreditGrant] = []
    public private(set) var history: [SubscriptionChange] = []
    /// By the subscriptions that the batch's tokens are of.
    public private(set) var counters: [String: FencingCounters]
    private var idsByKey: [IdempotencyKey: UUID]
    private var knownGrants: Set<GrantKey>

    /// - Parameters:
    ///   - logs: every log that a command's subject names and every overdue one.
    ///   - knownGrants: which of the grants that commands must not repeat were made before.
    ///   - counters: of the subscriptions that commands' tokens are of.
    public init(
        entries: [UUID: Entry], logs: [UsageLog], knownGrants: Set<GrantKey>,
        counters: [String: FencingCounters] = [:]
    ) {
        self.entries = entries
        self.counters = counters
        self.knownGrants = knownGrants
        self.logs = Dictionary(logs.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
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
        let position = Position(
            clock: clock, user: entry.user, account: entry.account, log: log(command.subject),
            overdue: entry.overdue.compactMap { logs[$0] }.filter { $0.isOverdue(at: now) },
            wasGranted: command.onceOnly.map { knownGrants.contains($0) } ?? false,
            grants: command.seesGrants ? entry.grants : [],
            appliedToken: command.token.flatMap { counters[$0.subscriptionID]?.applied } ?? 0)
        let decision = command.decide(position, rules, at: now)
        if !decision.erasesUser { try check(decision, of: command.userID, before: entry.account) }
        keep(decision, for: command.userID)
        return decision.outcome
    }

    private func check<Outcome>(
        _ decision: Decision<Outcome>, of userID: UUID, before: Account?
    ) throws(LedgerDefect) {
        var known: [UUID: UsageLog] = [:]
        for log in decision.logs { known[log.id] = logs[log.id] }
        try DecisionCheck(userID: userID, before: before, known: known).judge(decision)
    }

    private func log(_ subject: LedgerSubject?) -> UsageLog? {
        switch subject {
        case .key(let key): idsByKey[key].flatMap { logs[$0] }
        case .id(let id): logs[id]
        case nil: nil
        }
    }

    private mutating func keep<Outcome>(_ decision: Decision<Outcome>, for userID: UUID) {
        if decision.erasesUser {
            erase(userID)
            return
        }
        entries[userID]?.account = decision.account
        if let standing = decision.standing { entries[userID]?.user = standing }
        for log in decision.logs {
            if logs[log.id] == nil {
                insertedLogs.append(log.id)
            } else {
                changedLogs.insert(log.id)
            }
            logs[log.id] = log
            idsByKey[log.key] = log.id
        }
        if !decision.logs.isEmpty { keepEarliestExpiry(of: userID, decision.logs) }
        for grant in decision.grants {
            grants.append(grant)
            entries[userID]?.grants.append(grant)
            knownGrants.insert(
                GrantKey(userID: grant.userID, kind: grant.kind, cause: grant.cause))
        }
        history += decision.history
        if let token = decision.token { counters[token.subscriptionID]?.applied = token.number }
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
        grants.removeAll { $0.userID == userID }
        history.removeAll { $0.subscriptionID == subscriptionID }
    }
}
