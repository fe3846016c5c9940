import Foundation
import GRDB
import GRDBSQLite

/// Runs statements straight on SQLite's C interface, over GRDB's cache of prepared statements:
/// the ledger runs a handful of statements many thousand times a second, and GRDB's own fetching
/// does more for each than they need.
final class SQLiteConnection: DatabaseConnection {
    let dialect = SQLDialect.sqlite
    private let database: GRDB.Database
    /// On a connection that has some of its own, in front of GRDB's.
    private let statements: SQLiteStatements?

    init(_ database: GRDB.Database, statements: SQLiteStatements? = nil) {
        self.database = database
        self.statements = statements
    }

    /// Carries out the body in a database transaction of its own. GRDB's would prepare its two
    /// statements each time.
    func inTransaction<Value>(_ body: (any DatabaseConnection) throws -> Value) throws -> Value {
        _ = try execute("BEGIN IMMEDIATE TRANSACTION", [])
        do {
            let value = try body(self)
            _ = try execute("COMMIT TRANSACTION", [])
            return value
        } catch {
            // SQLite has undone it already after some errors; GRDB looks. What went wrong first is
            // told.
            _ = Result { try database.rollback() }
            throw error
        }
    }

    func query(_ sql: String, _ arguments: [SQLValue]) throws -> [Row] {
        var rows: [Row] = []
        try run(statement(sql), arguments) { rows.append(Row(values: $0)) }
        return rows
    }

    func forEachRow(
        _ sql: String, _ arguments: [SQLValue], _ body: (Row) throws -> Void
    ) throws {
        try run(statement(sql), arguments) { try body(Row(values: $0)) }
    }

    func execute(_ sql: String, _ arguments: [SQLValue]) throws -> Int {
        try run(statement(sql), arguments) { _ in }
        return database.changesCount
    }

    func queryMany(_ sql: String, _ arguments: [[SQLValue]]) throws -> [[Row]] {
        // Most of what a batch could ask for it does not.
        if arguments.isEmpty { return [] }
        let statement = try statement(sql)
        return try arguments.map { values in
            var rows: [Row] = []
            try run(statement, values) { rows.append(Row(values: $0)) }
            return rows
        }
    }

    func executeMany(_ sql: String, _ arguments: [[SQLValue]]) throws -> [Int] {
        let statement = try statement(sql)
        return try arguments.map { values in
            try run(statement, values) { _ in }
            return database.changesCount
        }
    }

    private func statement(_ sql: String) throws -> OpaquePointer {
        try statements?.statement(sql, of: database)
            ?? database.cachedStatement(sql: sql).sqliteStatement
    }

    private func run(
        _ statement: OpaquePointer, _ arguments: [SQLValue], _ body: ([SQLValue]) throws -> Void
    ) throws {
        defer { sqlite3_reset(statement) }
        let parameters = Int(sqlite3_bind_parameter_count(statement))
        guard parameters == arguments.count else {
            throw DatabaseError.other("\(parameters) parameters, \(arguments.count) arguments")
        }
        for (index, value) in arguments.enumerated() {
            try bind(value, to: statement, at: Int32(index + 1))
        }
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: try body(columns(of: statement))
            case SQLITE_DONE: return
            case let code: throw failure(code)
            }
        }
    }

    private func bind(_ value: SQLValue, to statement: OpaquePointer, at index: Int32) throws {
        // SQLite copies what it is given (SQLITE_TRANSIENT), so no buffer has to outlive the call.
        let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        let code =
            switch value {
            case .null: sqlite3_bind_null(statement, index)
            case .integer(let number): sqlite3_bind_int64(statement, index, number)
            case .text(var text):
                text.withUTF8 { utf8 in
                    utf8.withMemoryRebound(to: CChar.self) {
                        sqlite3_bind_text(
                            statement, index, $0.baseAddress ?? emptyText, Int32($0.count), copied)
                    }
                }
            case .uuid(let uuid):
                withUnsafeBytes(of: uuid.uuid) {
                    sqlite3_bind_blob(statement, index, $0.baseAddress, 16, copied)
                }
            case .blob(let bytes):
                bytes.withUnsafeBytes {
                    $0.isEmpty
                        ? sqlite3_bind_zeroblob(statement, index, 0)
                        : sqlite3_bind_blob(
                            statement, index, $0.baseAddress, Int32($0.count), copied)
                }
            }
        guard code == SQLITE_OK else { throw failure(code) }
    }

    private func columns(of statement: OpaquePointer) -> [SQLValue] {
        let count = sqlite3_column_count(statement)
        return [SQLValue](unsafeUninitializedCapacity: Int(count)) { buffer, initialized in
            for index in 0..<count {
                buffer.initializeElement(at: Int(index), to: column(index, of: statement))
            }
            initialized = Int(count)
        }
    }

    private func column(_ index: Int32, of statement: OpaquePointer) -> SQLValue {
        switch sqlite3_column_type(statement, index) {
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(statement, index))
        case SQLITE_TEXT:
            let bytes = UnsafeBufferPointer(
                start: sqlite3_column_text(statement, index),
                count: Int(sqlite3_column_bytes(statement, index)))
            return .text(String(decoding: bytes, as: UTF8.self))
        case SQLITE_BLOB:
            let count = Int(sqlite3_column_bytes(statement, index))
            let bytes = UnsafeRawBufferPointer(
                start: sqlite3_column_blob(statement, index), count: count)
            guard count == 16 else { return .blob(Array(bytes)) }
            return .uuid(UUID(uuid: bytes.loadUnaligned(as: uuid_t.self)))
        default: return .null
        }
    }

    private func failure(_ code: Int32) -> DatabaseError {
        DatabaseError(
            GRDB.DatabaseError(
                resultCode: ResultCode(
                    rawValue: sqlite3_extended_errcode(database.sqliteConnection)),
                message: String(cString: sqlite3_errmsg(database.sqliteConnection))))
    }
}

/// What an empty text is bound to: SQLite takes a null pointer for NULL.
nonisolated(unsafe) private let emptyText: UnsafePointer<CChar> = {
    let pointer = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
    pointer.initialize(to: 0)
    return UnsafePointer(pointer)
}()
