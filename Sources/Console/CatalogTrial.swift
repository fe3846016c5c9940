import CatalogSync
import Database
import FoundationEssentials
import JSON
import Ledger
import LedgerStore
import Messaging
import Operators
import Values

/// The what-if of an edited catalog, which a worker carries out: the calls of the last days by it
/// and by the one in force, from one snapshot.
package struct CatalogTrial: Sendable {
    static let days: Int64 = 30

    private let database: any Database
    private let catalog: CatalogStore
    private let journal: OperatorJournal

    package init(database: any Database, catalog: CatalogStore, clock: DecisionClock) {
        self.database = database
        self.catalog = catalog
        journal = OperatorJournal(database: database, clock: clock)
    }

    /// - Parameters:
    ///   - text: the catalog's file, which was found to be one.
    ///   - line: the journal's, which the worker ends with what came of it.
    static func enqueue(
        _ text: String, _ line: UUID, requestID: String, to broker: any MessageBroker,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        let body: JSONObject = ["line": .string(line.text), "catalog": .string(text)]
        try broker.enqueue(
            .operatorWork, JSONValue.object(body).compactText,
            MessageEnvelope(requestID: requestID), in: connection, now: now)
    }

    /// A try that comes again after one that was broken off, and a dead letter that is retried, end
    /// the same line. What has an answer is not reckoned twice.
    package func handle(_ message: Message) async throws {
        let body = try JSONValue.parse(message.body).object
        guard let text = body?["catalog"]?.string, let line = Self.line(body) else {
            throw PoisonMessage("it names no catalog and no line of the journal")
        }
        guard try await journal.resume(line) else { return }
        let since = message.enqueuedAt.adding(seconds: -Self.days * 86_400)
        do {
            try await journal.finish(line, .done, result: try await result(text, since))
        } catch let error as CatalogError {
            try await journal.finish(
                line, .failed, result: error.flaws.joined(separator: "; "))
        }
    }

    /// Ends the line of a what-if that is given up on, whatever killed it.
    package func bury(_ message: Message, _ reason: String) async throws {
        let body: JSONObject?
        do {
            body = try JSONValue.parse(message.body).object
        } catch {
            // It names no line that could be ended.
            return
        }
        guard let line = Self.line(body) else { return }
        try await journal.finish(line, .failed, result: reason)
    }

    private static func line(_ body: JSONObject?) -> UUID? {
        body?["line"]?.string.flatMap { UUID(text: $0) }
    }

    private func result(_ text: String, _ since: Timestamp) async throws -> String {
        let contents = try CatalogFile.Contents(text: text, name: "the text")
        guard let wanted = contents.catalogs.first(where: { $0.product == .career }) else {
            throw PoisonMessage("the catalog has no Career product")
        }
        return try await database.read { [catalog] connection in
            let inForce = try catalog.current(in: connection)
            let repricing = try Repricing.run(
                wanted, instead: inForce, since: since, in: connection)
            return RepricingText(repricing, inForce: inForce, wanted: wanted).text
        }
    }
}
