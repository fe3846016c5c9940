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
    /// Whether the decision must see what counts against limits, though there are none.
    var seesSpending: Bool { get }
    /// What was counted before, in place of adding it up; see ``CountedSpending``.
    var counted: CountedSpending? { get }
    /// A grant that must not be made twice, in whatever period: the decision is told whether it
    /// was made before.
    var onceOnly: GrantKey? { get }

    /// The cause of the one grant beside the pool that the command is about: it is loaded whether
    /// or not it is open.
    var grantCause: String? { get }
    /// What the command does with a hold, by its name: the decision is told whether that was done
    /// before.
    var step: HoldStep.Key? { get }
    /// The call out of whose hold the command takes one.
    var parent: UUID? { get }
    /// Whether the decision must see the calls that run below its own, at any depth.
    var seesFamily: Bool { get }
    /// The token under which what the command writes was fetched; a decision that sees a later one
    /// applied writes nothing.
    var token: FencingToken? { get }

    /// Hashes of the key that the call was made with, one of which may be known: the decision is
    /// told the key.
    var keyHashes: Set<KeyHash> { get }
    /// Whether the decision must see the key that its log was made with.
    var keyOfLog: KeyOfLogNeed { get }

    /// Says what to do; does nothing itself. `now` is never before the account's last decision.
    func decide(_ position: Position, _ rules: LedgerRules, at now: Timestamp)
        -> Decision<Outcome>

    /// What metrics count it as.
    static func name(of outcome: Outcome) -> DecisionName
    /// The outcome, which is to tell of this, too.
    static func outcome(
        _ outcome: Outcome, telling news: ChargeNews, of context: CareerSubscriptionContext
    ) -> Outcome
}

extension LedgerCommand {
    public var seesAllOverdue: Bool { false }
    public var seesSubscription: Bool { true }
    public var seesGrants: Bool { false }
    public var seesSpending: Bool { false }
    public var counted: CountedSpending? { nil }
    public var onceOnly: GrantKey? { nil }
    public var grantCause: String? { nil }
    public var step: HoldStep.Key? { nil }
    public var parent: UUID? { nil }
    public var seesFamily: Bool { false }
    public var token: FencingToken? { nil }
    public var keyHashes: Set<KeyHash> { [] }
    public var keyOfLog: KeyOfLogNeed { .never }

    /// A command that captures nothing has nothing to tell.
    public static func outcome(
        _ outcome: Outcome, telling news: ChargeNews, of context: CareerSubscriptionContext
    ) -> Outcome { outcome }
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
    /// Replaced catalogs under which holds of the batch were made, by their numbers.
    public let formerCatalogs: [Int64: CatalogTerms]
    /// How long a reservation is held without a commit, in seconds.
    public let reservationTTL: Int64
    /// How long after the last paid period its remainder stays usable, in seconds.
    public let pastDueGrace: Int64

    public init(
        catalog: Catalog, formerCatalogs: [Int64: CatalogTerms] = [:], reservationTTL: Int64,
        pastDueGrace: Int64
    ) {
        self.catalog = catalog
        self.formerCatalogs = formerCatalogs
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
    /// What was done before under the command's name of it.
    public var step: HoldStep?
    /// What counts against limits, where the command asks for it.
    public var spending: Spending?
    /// The key that the call is made with, or was made with, where the command asks for it.
    public var key: KeyOfCall?
    /// What the key's family has spent; `nil` where nothing limits it.
    public var keySpending: KeySpending?
    /// Reservations that the batch has expired ahead of the decision, as they stood.
    public var expiredAhead: [UsageLog] = []
    /// The calls that run below the log, those that run below another before that; where the
    /// command asks for them.
    public var family: [UUID] = []

    public init(
        clock: Timestamp, user: UserStanding, account: Account?, log: UsageLog?,
        overdue: [UsageLog], wasGranted: Bool, grants: [CreditGrant] = [], appliedToken: Int64 = 0,
        step: HoldStep? = nil, spending: Spending? = nil, key: KeyOfCall? = nil,
        keySpending: KeySpending? = nil
    ) {
        self.clock = clock
        self.user = user
        self.account = account
        self.log = log
        self.overdue = overdue
        self.wasGranted = wasGranted
        self.grants = grants
        self.appliedToken = appliedToken
        self.step = step
        self.spending = spending
        self.key = key
        self.keySpending = keySpending
    }
}

/// What is to be written, and what is to be answered once it is durable.
public struct Decision<Outcome: Sendable>: Sendable {
    public var outcome: Outcome
    /// The account as it stands afterwards; `nil` where there is none.
    public var account: Account?
    /// Logs that are new or have changed.
    public var logs: [UsageLog] = []
    /// What was done with holds, to be remembered.
    public var steps: [HoldStep] = []
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
