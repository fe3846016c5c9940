import Database
import Ledger

/// How the fencing counters lie in their table, `stripe_tickets`.
enum FencingTable {
    /// Reads the counters and locks their rows, in the order of their keys: whoever takes or
    /// applies a token of the same subscription waits. A subscription that has no row gets one.
    static func select(_ subscriptions: [String]) -> StatementBatch {
        StatementBatch(
            """
            INSERT INTO stripe_tickets (stripe_subscription_id, issued, applied) VALUES (?, 0, 0)
            ON CONFLICT (stripe_subscription_id) DO UPDATE SET issued = stripe_tickets.issued
            RETURNING issued, applied
            """, subscriptions.map { [.text($0)] })
    }

    static func read(
        _ subscriptions: [String], _ found: [[Row]]
    ) throws -> [String: FencingCounters] {
        var counters: [String: FencingCounters] = [:]
        for (id, rows) in zip(subscriptions, found) {
            guard var reader = rows.first?.reader else { continue }
            counters[id] = FencingCounters(
                issued: try reader.integer(), applied: try reader.integer())
        }
        return counters
    }

    /// The highest number that was applied, without a lock; 0 if none was.
    static func applied(
        _ subscriptionID: String, in connection: any DatabaseConnection
    ) throws -> Int64 {
        try counter("applied", of: subscriptionID, in: connection)
    }

    /// The highest number that was taken, without a lock; 0 if none was.
    static func issued(
        _ subscriptionID: String, in connection: any DatabaseConnection
    ) throws -> Int64 {
        try counter("issued", of: subscriptionID, in: connection)
    }

    private static func counter(
        _ column: String, of subscriptionID: String, in connection: any DatabaseConnection
    ) throws -> Int64 {
        let row = try connection.queryOne(
            "SELECT \(column) FROM stripe_tickets WHERE stripe_subscription_id = ?",
            [.text(subscriptionID)])
        guard var reader = row?.reader else { return 0 }
        return try reader.integer()
    }

    static func write(
        _ batch: LedgerBatch, over loaded: LedgerBatch, to connection: any DatabaseConnection
    ) throws {
        let changed = batch.counters.filter { loaded.counters[$0.key] != $0.value }
        guard !changed.isEmpty else { return }
        try connection.enqueueMany(
            """
            UPDATE stripe_tickets SET issued = ?, applied = ? WHERE stripe_subscription_id = ?
            """,
            changed.map {
                [.integer($0.value.issued), .integer($0.value.applied), .text($0.key)]
            })
    }
}
