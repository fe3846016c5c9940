import Database
import Synchronization
import Values

/// When keys were last used (write-behind buffer): a call notes it in memory alone, so that no two
/// calls wait for the row of their key, and it is written now and then.
package final class KeyUses: Sendable {
    /// Keys that are noted at once; what others were used for is not told.
    static let maximumKeys = 10_000

    private struct Use {
        let minute: Timestamp
        var isWritten = false
    }

    private let uses = Mutex<[[UInt8]: Use]>([:])

    package init() {}

    /// - Parameter hashes: the key's keyed hashes, one of which its row has.
    package func note(_ hashes: [[UInt8]], at now: Timestamp) {
        let minute = Timestamp.epoch.adding(seconds: Civil.floorDivide(now.seconds, 60) * 60)
        uses.withLock { uses in
            for hash in hashes where uses[hash].map({ $0.minute < minute }) ?? true {
                guard uses[hash] != nil || uses.count < Self.maximumKeys else { continue }
                uses[hash] = Use(minute: minute)
            }
        }
    }

    /// Writes what was noted and is not written yet: nothing of a key twice a minute.
    ///
    /// - Throws: what the database throws; the next writing then tries again.
    package func write(to database: any Database) async throws {
        let new = uses.withLock { $0.filter { !$0.value.isWritten } }
        guard !new.isEmpty else { return }
        try await database.write { connection in
            try APIKeyRow.noteUses(new.map { ($0.key, $0.value.minute) }, in: connection)
        }
        uses.withLock { uses in
            let latest = uses.values.map(\.minute).max()
            for (hash, use) in new where uses[hash]?.minute == use.minute {
                uses[hash] = use.minute == latest ? Use(minute: use.minute, isWritten: true) : nil
            }
            // What was written of an earlier minute need not be known any more.
            uses = uses.filter { !$0.value.isWritten || $0.value.minute == latest }
        }
    }
}
