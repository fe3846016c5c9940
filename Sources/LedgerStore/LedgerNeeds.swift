import FoundationEssentials
import Ledger

/// What a batch of commands must see.
package struct LedgerNeeds {
    var users: Set<UUID> = []
    var subjects: Set<LedgerSubject> = []
    /// Whose overdue reservations of all periods are wanted.
    var overdue: Set<UUID> = []
    /// Whose whole subscriptions are wanted.
    var subscriptions: Set<UUID> = []
    var grants: Set<GrantKey> = []
    /// Whose rollovers that have not ended are wanted, used up or not, and whose lines of their
    /// periods, of the running one and of the one before it.
    var lines: Set<UUID> = []
    /// Of whom it is wanted what counts against limits.
    var spending: Set<UUID> = []
    /// What of that was counted before, and of whom some command wants it counted now.
    var counted: [UUID: CountedSpending] = [:]
    var uncounted: Set<UUID> = []
    /// Steps of holds of which it is wanted whether they were taken, each with its user.
    var steps: [HoldStep.Key: UUID] = [:]
    /// Grants beside the pool that are wanted whether or not they are open.
    var grantCauses: [(user: UUID, cause: String)] = []
    /// Logs of which those are wanted that run below them, at any depth.
    var families: Set<UUID> = []
    /// Subscriptions whose fencing counters are wanted.
    var tokens: Set<String> = []
    /// Hashes of keys that calls were made with.
    var keyHashes: Set<KeyHash> = []
    /// Accounts of calls by key.
    var keyedAccounts: Set<UUID> = []
    /// Logs whose keys are wanted, or may be.
    var keyedLogs: [UUID: [KeyOfLogNeed]] = [:]

    package init(
        users: Set<UUID> = [], subjects: Set<LedgerSubject> = [], overdue: Set<UUID> = [],
        subscriptions: Set<UUID> = [], grants: Set<GrantKey> = [], lines: Set<UUID> = []
    ) {
        self.users = users
        self.subjects = subjects
        self.overdue = overdue
        self.subscriptions = subscriptions
        self.grants = grants
        self.lines = lines
    }

    package mutating func add(_ command: some LedgerCommand) {
        users.insert(command.userID)
        if let subject = command.subject { subjects.insert(subject) }
        if let parent = command.parent { subjects.insert(.id(parent)) }
        if command.seesFamily, case .id(let id) = command.subject { families.insert(id) }
        if command.seesAllOverdue { overdue.insert(command.userID) }
        if command.seesSubscription { subscriptions.insert(command.userID) }
        if let grant = command.onceOnly { grants.insert(grant) }
        if command.seesGrants { lines.insert(command.userID) }
        if let cause = command.grantCause { grantCauses.append((command.userID, cause)) }
        if command.seesSpending {
            spending.insert(command.userID)
            if let known = command.counted {
                counted[command.userID] = known
            } else {
                uncounted.insert(command.userID)
            }
        }
        if let step = command.step { steps[step] = command.userID }
        if let token = command.token { tokens.insert(token.subscriptionID) }
        if !command.keyHashes.isEmpty {
            keyHashes.formUnion(command.keyHashes)
            keyedAccounts.insert(command.userID)
        }
        if command.keyOfLog != .never, case .id(let id) = command.subject {
            keyedLogs[id, default: []].append(command.keyOfLog)
            if command.keyOfLog == .always { keyedAccounts.insert(command.userID) }
        }
    }
}
