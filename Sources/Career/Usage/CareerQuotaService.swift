import Database
import FoundationEssentials
import History
import Ledger
import LedgerStore
import Mail
import Messaging
import TopUps
import UsageReports
import Values

/// Metering: asks the ledger for decisions and reads what was decided.
public struct CareerQuotaService: Sendable {
    private let database: any Database
    private let ledger: CareerLedger
    private let catalog: CatalogStore
    private let broker: any MessageBroker
    private let mails: CreditMails
    private let clock: DecisionClock
    private let refusals: CreditRefusals
    private var queue = GroupCommitQueue.single

    package init(
        database: any Database, ledger: CareerLedger, catalog: CatalogStore,
        broker: any MessageBroker, mails: CreditMails, clock: DecisionClock,
        refusals: CreditRefusals
    ) {
        self.refusals = refusals
        self.broker = broker
        self.mails = mails
        self.clock = clock
        self.database = database
        self.ledger = ledger
        self.catalog = catalog
    }

    /// The same for commands of which many come in one request: the ledger takes those of other
    /// requests first.
    var inBulk: CareerQuotaService {
        var copy = self
        copy.queue = .bulk
        return copy
    }

    /// Whether the ledger takes so many more commands now.
    func canTake(_ count: Int) -> Bool { ledger.canTake(count, in: queue) }

    public func validate(
        _ key: IdempotencyKey, featureKey: String, call: UsageLog.Call, holdSeconds: Int64? = nil,
        parent: UUID? = nil
    ) async throws -> ValidateUsage.Outcome {
        let outcome = try await ledger.perform(
            ValidateUsage(
                key: key, featureKey: featureKey, call: call, holdSeconds: holdSeconds,
                parent: parent,
                randomness: .random(in: .min ... .max)),
            in: queue)
        if case .denied(.quotaExceeded, _) = outcome {
            refusals.note(key.userID, featureKey, at: clock.now())
        }
        return outcome
    }

    /// - Parameters:
    ///   - result: what is kept for the user if the call succeeded.
    ///   - requestID: of the request that tells how the call ended; `nil` for a message that none
    ///     of ours brought.
    package func commit(
        _ command: CommitUsage, keeping result: AnalysisResult.Content? = nil, requestID: String?
    ) async throws -> CommitUsage.Outcome {
        try await ledger.perform(command, in: queue) { connection, outcome in
            try follow(outcome, of: command, result, requestID, in: connection)
        }
    }

    /// Does what follows from a commit that is applied, in its database transaction: tells the
    /// user, and keeps the result.
    private func follow(
        _ outcome: CommitUsage.Outcome, of command: CommitUsage,
        _ result: AnalysisResult.Content?, _ requestID: String?,
        in connection: any DatabaseConnection
    ) throws {
        guard case .applied(let status, _, let isReplay, let alert, _, _) = outcome
        else { return }
        let now = clock.now()
        if let alert {
            try tell(alert, to: command.userID, requestID, in: connection, now: now)
        }
        // What a user has deleted does not come back with a repetition.
        if let result, status == .success, !isReplay {
            try Self.keep(result, of: command, in: connection, now: now)
        }
    }

    private static func keep(
        _ content: AnalysisResult.Content, of command: CommitUsage,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        let log = try UsageLogRow.find(command.usageID, in: connection)
        guard let log, log.key.userID == command.userID else { return }
        try AnalysisResultRow.keep(
            AnalysisResult(
                id: .version7(at: now, randomness: .random(in: .min ... .max)), usageID: log.id,
                featureKey: log.featureKey, title: content.title,
                data: content.data.compactText, createdAt: now),
            of: command.userID, in: connection)
    }

    /// Whether a result of this call is kept.
    func isKept(_ usageID: UUID) async throws -> Bool {
        try await database.read { try AnalysisResultRow.isKept(usageID, in: $0) }
    }

    /// Tells of a call that ran unasked.
    ///
    /// - Parameter within: how long ago it may have run, in seconds.
    package func record(
        _ request: UsageRecordRequest, within: Int64, requestID: String
    ) async throws -> RecordUsage.Outcome {
        let command = RecordUsage(
            key: request.key, featureKey: request.featureKey, ranAt: request.ranAt,
            metrics: request.metrics, within: within, randomness: .random(in: .min ... .max))
        return try await ledger.perform(command, in: queue) { connection, outcome in
            guard case .told(_, .applied(_, _, _, let alert?, _, _)) = outcome else { return }
            try tell(alert, to: command.userID, requestID, in: connection, now: clock.now())
        }
    }

    /// Extends a hold, charges a part of it or cancels it.
    package func perform<Command: LedgerCommand>(
        _ command: Command, requestID: String
    ) async throws -> HoldOutcome where Command.Outcome == HoldOutcome {
        try await ledger.perform(command, in: queue) { connection, outcome in
            guard case .done(_, _, let alert?) = outcome else { return }
            try tell(alert, to: command.userID, requestID, in: connection, now: clock.now())
        }
    }

    /// Tells what follows from a charge: the user, and who looks after automatic top-ups.
    private func tell(
        _ alert: CreditAlert, to user: UUID, _ requestID: String?,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try mails.enqueue(alert, to: user, requestID: requestID, in: connection, now: now)
        if alert.isLow { try TopUpTrigger.want(for: user, in: connection, now: now) }
    }

    /// Takes a commit in for later: once this returns, it is durable.
    ///
    /// - Parameters:
    ///   - result: what is kept if nothing is left to do later.
    ///   - message: the commit's request as JSON; what the worker will read.
    ///   - requestID: of the request that brought it, for the worker's log.
    package func accept(
        _ command: CommitUsage, keeping result: AnalysisResult.Content? = nil, message: String,
        requestID: String
    ) async throws -> AcceptCommit.Outcome {
        try await ledger.perform(AcceptCommit(command), in: queue) { connection, outcome in
            switch outcome {
            case .settled(let outcome):
                try follow(outcome, of: command, result, requestID, in: connection)
            case .accepted:
                try broker.enqueue(
                    .usageCommits, message,
                    MessageEnvelope(requestID: requestID, accountID: command.userID),
                    in: connection, now: clock.now())
            }
        }
    }

    /// The rule of the plan that the account is on.
    func pricing(of account: Account) async throws -> PlanPricingRule {
        try await catalog.pricing(of: account, in: database)
    }

    /// The user's account, brought up to now; `nil` without a Career subscription.
    func standing(of userID: UUID) async throws -> AccountStanding? {
        try await ledger.standing(of: userID, by: clock)
    }

    /// How the user's own limits stand.
    func limits(of userID: UUID) async throws -> SpendingStanding {
        try await ledger.look(at: ReadSpendingLimits(userID: userID))
    }

    /// Limits what the user spends from now on.
    func limit(_ userID: UUID, to limits: SpendingLimits) async throws -> SpendingStanding {
        try await ledger.limit(userID, to: limits) {
            try await ledger.perform($0, in: queue)
        }
    }

    /// The instant by which the user's logs are judged: now, and never before the last decision on
    /// the account.
    func instant(of userID: UUID) async throws -> Timestamp {
        try await standing(of: userID)?.now ?? clock.now()
    }
}
