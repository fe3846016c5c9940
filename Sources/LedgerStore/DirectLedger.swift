import Database
import FoundationEssentials
import Ledger
import Values

/// The ledger's database transaction for a caller that forms the batches and holds the connection:
/// load → decide → write. The lane and the simulator drive it.
package enum DirectLedger {
    /// - Parameter decide: decides on the commands, in their order; where it throws, nothing is
    ///   written.
    package static func carryOut<Value>(
        _ commands: [any LedgerCommand], of source: LedgerSource,
        in connection: any DatabaseConnection, clock: Timestamp,
        decide: (inout LedgerBatch) throws -> Value
    ) throws -> Value {
        var needs = LedgerNeeds()
        for command in commands { needs.add(command) }
        return try carryOut(needs, of: source, in: connection, clock: clock) { batch, _ in
            try decide(&batch)
        }
    }

    /// The same, once it is known what the commands need. Whoever decides is told the revision of
    /// the catalog too.
    package static func carryOut<Value>(
        _ needs: LedgerNeeds, of source: LedgerSource, in connection: any DatabaseConnection,
        clock: Timestamp,
        decide: (inout LedgerBatch, _ catalogRevision: Int64) throws -> Value
    ) throws -> Value {
        let loaded = try LedgerTables.load(needs, of: source, from: connection, now: clock)
        var batch = loaded.batch
        let value = try decide(&batch, loaded.catalogRevision)
        try LedgerTables.write(
            batch, over: loaded.batch, of: source.tables, to: connection)
        return value
    }

    /// Makes a migrated database ready for commands that are judged by this catalog.
    package static func install(
        _ catalog: Catalog, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try Installation.establish(in: connection)
        try CatalogTables.write([catalog], to: connection, now: now)
    }

    /// The user's account as it is stored; `nil` where there is no such user.
    package static func entry(
        of user: UUID, _ source: LedgerSource, in connection: any DatabaseConnection
    ) throws -> LedgerBatch.Entry? {
        var needs = LedgerNeeds()
        needs.users = [user]
        needs.subscriptions = [user]
        return try LedgerTables.load(needs, of: source, from: connection, now: .epoch)
            .batch.entries[user]
    }

    /// All of the user's logs, in the order of their ids.
    package static func logs(
        of user: UUID, _ t: ProductTables = .of(.career), in connection: any DatabaseConnection
    ) throws -> [UsageLog] {
        let sql = """
            SELECT \(UsageLogRow.columns(t)) FROM \(t.logs) WHERE \(t.holder) = ? ORDER BY id
            """
        var entries: [UUID: LedgerBatch.Entry] = [:]
        var logs = try connection.query(sql, [.uuid(user)]).map { try UsageLogRow.load($0, t) }
        try GrantTables.load(LedgerNeeds(), t, into: &entries, &logs, from: connection)
        return logs.map(\.log)
    }
}
