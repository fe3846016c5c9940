import GRDB
import GRDBSQLite

/// A cache of prepared statements in front of GRDB's, by the place of a statement's text in memory.
/// GRDB finds a statement by its text, which it hashes and compares each time; the ledger's texts
/// are constants, and longer than what is done with them. Used on the writer's queue alone.
final class SQLiteStatements: @unchecked Sendable {
    private struct Known {
        /// Keeps its place in memory.
        let text: String
        let statement: Statement
    }

    /// Texts that are made for one use come by, too.
    static let most = 256

    private var known: [UnsafePointer<UInt8>: Known] = [:]

    /// The statement of this text; prepared where it is not known.
    ///
    /// - Throws: what GRDB throws for a text that cannot be prepared.
    func statement(_ sql: String, of database: GRDB.Database) throws -> OpaquePointer {
        var text = sql
        let place = text.withUTF8 { $0.baseAddress }
        // Equal strings of one place are compared by that alone.
        if let place, let found = known[place], found.text == sql {
            return found.statement.sqliteStatement
        }
        let statement = try database.cachedStatement(sql: sql)
        if let place {
            if known.count == Self.most { known.removeAll(keepingCapacity: true) }
            known[place] = Known(text: sql, statement: statement)
        }
        return statement.sqliteStatement
    }

    /// A connection that has statements left cannot be closed.
    func forget() {
        known = [:]
    }
}
