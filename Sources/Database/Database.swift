/// The seam to the database. Two engines stand behind it and share one conformance suite; the SQL
/// that passes through it is written once, with `?` for each bound parameter.
///
/// The closures are synchronous and run on the engine's own threads, never on Swift's cooperative
/// pool. They must not wait for anything but the database: no network, no locks. What was asked for
/// is carried out though the task that asked is canceled: a shutdown ends between two of them.
public protocol Database: Sendable {
    var dialect: SQLDialect { get }

    /// Reads from one consistent snapshot.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) throws -> Value
    ) async throws -> Value

    /// Runs one database transaction: durable when it returns, rolled back where `body` throws.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any DatabaseConnection) throws -> Value
    ) async throws -> Value

    /// The same for a caller that has a thread of its own and may block it.
    func writeBlocking<Value>(_ body: (any DatabaseConnection) throws -> Value) throws -> Value

    /// Reads for a caller that has a thread of its own and may block it.
    func readBlocking<Value>(_ body: (any DatabaseConnection) throws -> Value) throws -> Value

    func close() throws
}

/// One connection inside a read or write. It is valid only within the closure that received it.
public protocol DatabaseConnection: AnyObject {
    var dialect: SQLDialect { get }

    func query(_ sql: String, _ arguments: [SQLValue]) throws -> [Row]

    /// - Returns: the number of rows that were changed.
    @discardableResult
    func execute(_ sql: String, _ arguments: [SQLValue]) throws -> Int

    /// The same query for many arguments: one answer for each, in their order.
    func queryMany(_ sql: String, _ arguments: [[SQLValue]]) throws -> [[Row]]

    /// The same statement for many arguments: the number of changed rows for each.
    @discardableResult
    func executeMany(_ sql: String, _ arguments: [[SQLValue]]) throws -> [Int]

    /// Several queries, none of which needs another's answer, in their order: the answers to each
    /// of the arguments of each. An engine with a server asks them all at once.
    func queryBatches(_ batches: [StatementBatch]) throws -> [[[Row]]]

    /// Like ``executeMany(_:_:)`` for a caller that needs no counts and whose arguments concern a
    /// row each: an engine with a server may carry out all of them at once, and may send them along
    /// with what comes next, at the latest with the commit. An error is then thrown there.
    func enqueueMany(_ sql: String, _ arguments: [[SQLValue]]) throws

    /// Lets the statements of this database transaction take as long as they need, and read tables
    /// whole: for walks over them and for migrations.
    func liftLimits() throws

    /// Hands over row by row and keeps none: for walks over whole tables.
    func forEachRow(
        _ sql: String, _ arguments: [SQLValue], _ body: (Row) throws -> Void) throws
}

/// One statement and the arguments of each of its runs.
public struct StatementBatch: Sendable {
    public let sql: String
    public let arguments: [[SQLValue]]

    public init(_ sql: String, _ arguments: [[SQLValue]]) {
        self.sql = sql
        self.arguments = arguments
    }
}

/// What an engine without a server does.
extension DatabaseConnection {
    public func queryBatches(_ batches: [StatementBatch]) throws -> [[[Row]]] {
        try batches.map { try queryMany($0.sql, $0.arguments) }
    }

    public func enqueueMany(_ sql: String, _ arguments: [[SQLValue]]) throws {
        try executeMany(sql, arguments)
    }

    public func liftLimits() throws {}
}

extension DatabaseConnection {
    public func query(_ sql: String) throws -> [Row] { try query(sql, []) }

    @discardableResult
    public func execute(_ sql: String) throws -> Int { try execute(sql, []) }

    public func queryOne(_ sql: String, _ arguments: [SQLValue] = []) throws -> Row? {
        try query(sql, arguments).first
    }
}

/// Where the engines' languages differ: the types of columns, and the locks that an engine with
/// several writers needs.
public enum SQLDialect: Sendable {
    case sqlite
    case postgresql

    public var uuid: String { self == .sqlite ? "BLOB" : "UUID" }
    /// 64 bits: micro-credits, microseconds, counters.
    public var bigint: String { self == .sqlite ? "INTEGER" : "BIGINT" }
    public var blob: String { self == .sqlite ? "BLOB" : "BYTEA" }
    /// Ends a SELECT in a write whose rows are to stay as they were read until the commit. SQLite
    /// has one writer, for whom they do.
    public var lockRows: String { self == .sqlite ? "" : " FOR NO KEY UPDATE" }
    /// The same, passing over rows that another has locked: for work that several share.
    public var lockFreeRows: String { self == .sqlite ? "" : " FOR NO KEY UPDATE SKIP LOCKED" }
    /// Follows each CREATE TABLE: SQLite is told to hold columns to their declared types.
    public var tableOptions: String { self == .sqlite ? " STRICT" : "" }
    /// The same for a table of small rows that are looked up by their primary key: SQLite then
    /// keeps the rows in the key's own tree and needs one descent instead of two.
    public var keyedTableOptions: String { self == .sqlite ? " STRICT, WITHOUT ROWID" : "" }
}

/// What went wrong in the database, as far as a caller can act on it.
public enum DatabaseError: Error, CustomStringConvertible {
    /// A UNIQUE or PRIMARY KEY constraint was met.
    case duplicate(String)
    /// Another constraint of the schema was met.
    case constraint(String)
    /// The database did not answer, is locked, full or read-only: later may be better.
    case unavailable(String)
    /// The schema was written by a newer version of this program.
    case newerSchema(found: Int64, known: Int64)
    /// A column did not hold what the code expected.
    case decoding(String)
    case other(String)

    public var description: String {
        switch self {
        case .duplicate(let text): "duplicate: \(text)"
        case .constraint(let text): "constraint: \(text)"
        case .unavailable(let text): "database unavailable: \(text)"
        case .newerSchema(let found, let known):
            "the database has schema version \(found), this program knows \(known): update it"
        case .decoding(let text): "unexpected column: \(text)"
        case .other(let text): "database error: \(text)"
        }
    }
}
