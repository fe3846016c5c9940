import Database
import FoundationEssentials
import Ledger
import LedgerStore
import Schema
import Simulator
import Users
import Values

/// The ledger's own store over a real database. A fault inside a database transaction rolls it
/// back; after a crash the database is opened anew.
package final class DatabaseEngine: LedgerEngine {
    private static let source = LedgerSource.career(holderStanding: UserRow.holderStanding)

    package let name: String
    private let open: () throws -> any Database
    private var database: any Database
    /// Of the catalog that was installed; a change of standing is judged by no other rule.
    private var rules: LedgerRules?

    /// - Parameter open: opens the database, which is the simulation's alone.
    package init(name: String, open: @escaping () throws -> any Database) async throws {
        self.name = name
        self.open = open
        database = try open()
        try await Migrator(migrations).migrate(database, now: .epoch)
    }

    package func close() throws {
        try database.close()
    }

    /// Everything that a run leaves behind, children first.
    private static let tables = [
        "usage_draws", "standalone_grants", "career_usage_steps", "career_usage_logs",
        "credit_grants", "subscription_changes", "career_subscription_contexts", "subscriptions",
        "stripe_tickets", "users",
    ]

    /// Forgets the runs before, for the next one.
    package func clear() throws {
        try database.writeBlocking { connection in
            for table in Self.tables { try connection.execute("DELETE FROM \(table)") }
        }
    }

    package func install(_ catalog: Catalog) throws {
        rules = LedgerRules(catalog: catalog, reservationTTL: 900, pastDueGrace: 0)
        try database.writeBlocking { connection in
            try DirectLedger.install(catalog, in: connection, now: .epoch)
        }
    }

    package func insertUser(_ id: UUID, at now: Timestamp) throws {
        try database.writeBlocking { connection in
            _ = try connection.execute(
                """
                INSERT INTO users (id, email, email_key, password_hash, created_at, updated_at)
                VALUES (?, ?, ?, ?, ?, ?)
                """,
                [
                    .uuid(id), .text(id.text), .text(id.text), .text("-"), .time(now), .time(now),
                ])
        }
    }

    package func setActive(_ id: UUID, _ isActive: Bool) throws {
        try database.writeBlocking { connection in
            let command = SetStanding(userID: id, isActive: isActive)
            if let rules {
                _ = try DirectLedger.carryOut(
                    [command], of: Self.source, in: connection, clock: .epoch
                ) { batch in try batch.apply(command, rules, clock: .epoch) }
            }
            _ = try connection.execute(
                "UPDATE users SET is_active = ? WHERE id = ?", [.bool(isActive), .uuid(id)])
        }
    }

    package func transact(
        _ operations: [SimulatedOperation], _ rules: LedgerRules, clock: Timestamp,
        fault: SimulatedFault?
    ) throws -> [Answer] {
        try fault?.strike(after: 0)
        let answers: [Answer]
        do {
            answers = try write(operations, rules, clock: clock, fault: fault)
        } catch let error as DatabaseError {
            // Commands that are decided on together may break a constraint though each alone does
            // not.
            guard operations.count > 1 else { throw error }
            throw TransactionFailure.database
        }
        try fault?.strike(afterCommit: answers)
        return answers
    }

    private func write(
        _ operations: [SimulatedOperation], _ rules: LedgerRules, clock: Timestamp,
        fault: SimulatedFault?
    ) throws -> [Answer] {
        try database.writeBlocking { connection in
            let answers = try DirectLedger.carryOut(
                operations.map(\.command), of: Self.source, in: connection, clock: clock
            ) { batch in
                try fault?.strike(after: 1)
                return try operations.enumerated().map { index, operation in
                    let answer = try operation.decide(in: &batch, rules, clock: clock)
                    try fault?.strike(after: 2 + index)
                    return answer
                }
            }
            try writeAlongside(operations, connection)
            try fault?.strike(after: 2 + operations.count)
            return answers
        }
    }

    /// What the service's callers write in the same database transaction.
    private func writeAlongside(
        _ operations: [SimulatedOperation], _ connection: any DatabaseConnection
    ) throws {
        for operation in operations {
            if case .erase(let command) = operation { try erase(command.userID, connection) }
        }
    }

    private func erase(_ user: UUID, _ connection: any DatabaseConnection) throws {
        try AccountRows.erase(user, in: connection)
        try UserRow.erase(user, in: connection)
    }

    package func decidedAt(_ user: UUID) throws -> Timestamp? {
        try database.readBlocking { connection in
            try AccountRows.decidedAt(user, in: connection)
        }
    }

    package func stored(_ user: UUID) throws -> StoredUser? {
        // The store locks what it loads, which only a writing database transaction may.
        try database.writeBlocking { connection in
            guard
                let entry = try DirectLedger.entry(
                    of: user, Self.source, in: connection)
            else { return nil }
            let grants = try connection.query(
                """
                SELECT period_number, kind, cause, credits, reason, created_at FROM credit_grants
                WHERE user_id = ? ORDER BY created_at, kind, cause
                """, [.uuid(user)]
            ).map { row in
                var reader = row.reader
                let period = try reader.integer()
                let kind = try reader.oneOf(CreditGrant.Kind.self)
                let cause = try reader.text()
                return try CreditGrant(
                    userID: user, periodNumber: period, kind: kind, cause: cause,
                    credits: reader.credits(), reason: reader.optionalText(),
                    createdAt: reader.time())
            }
            return StoredUser(
                isActive: entry.user == .active, account: entry.account,
                logs: try DirectLedger.logs(of: user, in: connection), grants: grants,
                steps: try HoldStepRow.all(of: user, in: connection),
                standalone: try StandaloneGrantRow.page(
                    of: user, before: nil, limit: 1_000, in: connection))
        }
    }

    package func restart() throws {
        try database.close()
        database = try open()
    }
}
