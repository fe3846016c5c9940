import Database
import FoundationEssentials
import HTTPEndpoint
import Ledger
import LedgerStore
import Metering
import Values

/// Metering by key: asks the ledger of the API product for decisions.
package struct APIUsageService: Sendable {
    private let ledger: CareerLedger
    private let catalog: CatalogStore
    private let hash: @Sendable (String) -> [[UInt8]]
    private let used: @Sendable ([[UInt8]]) -> Void
    private let tell: TellOfCredits
    private var queue = GroupCommitQueue.single

    /// Tells whoever is to know of it what a charge to a workspace has led to, in the charge's
    /// database transaction.
    package typealias TellOfCredits =
        @Sendable (CreditAlert, _ workspace: UUID, _ requestID: String, any DatabaseConnection)
        throws -> Void

    /// - Parameters:
    ///   - ledger: that of workspaces.
    ///   - catalog: the API product's.
    ///   - hash: a key's keyed hashes, one for each secret that may have written it.
    ///   - used: is told the hashes of a key that was found good; it waits for nothing.
    ///   - tell: tells of what a charge has led to.
    package init(
        ledger: CareerLedger, catalog: CatalogStore,
        hash: @escaping @Sendable (String) -> [[UInt8]],
        used: @escaping @Sendable ([[UInt8]]) -> Void, tell: @escaping TellOfCredits
    ) {
        self.ledger = ledger
        self.catalog = catalog
        self.hash = hash
        self.used = used
        self.tell = tell
    }

    /// The same for commands of which many come in one request: the ledger takes those of other
    /// requests first.
    var inBulk: APIUsageService {
        var copy = self
        copy.queue = .bulk
        return copy
    }

    /// Whether the ledger takes so many more commands now.
    func canTake(_ count: Int) -> Bool { ledger.canTake(count, in: queue) }

    func knows(feature: String) -> Bool { catalog.knows(feature: feature) }

    func validate(
        _ call: ValidateUsage, with key: PresentedKey
    ) async throws -> ValidateKeyedUsage.Outcome {
        let hashes = hash(key.text)
        let outcome = try await perform(
            ValidateKeyedUsage(call, keyHashes: Set(hashes.map { KeyHash($0) })))
        switch outcome {
        case .invalidKey, .foreignKey: break
        case .barred, .keyLimitReached, .judged: used(hashes)
        }
        return outcome
    }

    func commit(_ command: CommitUsage, requestID: String) async throws -> CommitUsage.Outcome {
        guard catalog.isKnown else { throw Problem.usageNotFound }
        return try await ledger.perform(command, in: queue) { [tell] connection, outcome in
            guard case .applied(_, _, _, let alert?, _, _) = outcome else { return }
            try tell(alert, command.userID, requestID, connection)
        }
    }

    func capture(_ command: CaptureUsage, requestID: String) async throws -> HoldOutcome {
        guard catalog.isKnown else { throw Problem.usageNotFound }
        return try await ledger.perform(command, in: queue) { [tell] connection, outcome in
            guard case .done(_, _, let alert?) = outcome else { return }
            try tell(alert, command.userID, requestID, connection)
        }
    }

    /// Carries out what charges nothing.
    ///
    /// - Throws: ``Problem`` 404 if the product is not offered: then there is no call.
    func perform<Command: LedgerCommand>(
        _ command: Command
    ) async throws -> Command.Outcome {
        guard catalog.isKnown else { throw Problem.usageNotFound }
        return try await ledger.perform(command, in: queue)
    }
}
