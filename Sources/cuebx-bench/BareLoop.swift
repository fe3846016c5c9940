import Database
import FoundationEssentials
import Ledger
import LedgerStore
import Service
import Settings

/// What the ledger is measured against: the same statements for the same commands, each in a
/// durable database transaction of its own, with neither HTTP nor threads around them.
public final class BareLoop {
    private let core: CareerCore

    public init(_ core: CareerCore) {
        self.core = core
    }

    /// Makes a user on the Free plan who can never sign in.
    public func addUser(number: Int) async throws -> UUID {
        let now = core.clock.now()
        let id = UUID.version7(at: now, randomness: .random(in: .min ... .max))
        _ = try await core.database.write { connection in
            try connection.execute(
                """
                INSERT INTO users (id, email, email_key, password_hash, created_at, updated_at)
                VALUES (?, ?, ?, '-', ?, ?)
                """,
                [
                    .uuid(id), .text("bare-\(number)@example.test"),
                    .text("bare-\(number)@example.test"), .time(now), .time(now),
                ])
        }
        _ = try await core.ledger.perform(
            ActivateFreeSubscription(
                userID: id,
                subscriptionID: .version7(at: now, randomness: .random(in: .min ... .max)),
                former: nil))
        return id
    }

    /// Reserves and commits one call.
    public func cycle(user: UUID, featureKey: String, number: Int) throws {
        let hash = String(repeating: "0", count: 64)
        let outcome = try transact(
            ValidateUsage(
                key: IdempotencyKey(
                    userID: user, requestID: "bare-\(number)", payloadHash: hash),
                featureKey: featureKey, call: UsageLog.Call(endpoint: "/bench", method: "POST"),
                randomness: .random(in: .min ... .max)))
        guard case .granted(let grant, _) = outcome else {
            throw DatabaseError.other("the bare loop was refused: \(outcome)")
        }
        _ = try transact(
            CommitUsage(
                userID: user, usageID: grant.usageID, result: .success,
                metrics: UsageLog.Metrics()))
    }

    private func transact<Command: LedgerCommand>(
        _ command: Command
    ) throws -> Command.Outcome {
        let spans = LedgerSpans(
            reservationTTL: core.settings.reservationTTL,
            pastDueGrace: core.settings.pastDueGrace)
        return try core.database.writeBlocking { connection in
            let now = core.clock.now()
            var needs = LedgerNeeds()
            needs.add(command)
            return try DirectLedger.carryOut(
                needs, of: core.ledger.source, in: connection, clock: now
            ) { batch, revision in
                let rules = try core.catalog.rules(
                    of: batch, revision: revision, spans, in: connection)
                return try batch.apply(command, rules, clock: now)
            }
        }
    }
}
