import Database
import Foundation
import Values

/// Fills an empty database from an export: in many small database transactions, and yet all or
/// nothing. What can be told without the database is checked before anything is written, where the
/// stream can be read twice; a mark in the database keeps everything else away until the import has
/// ended; and what an import that fails has written is removed again.
public struct DatabaseImport: Sendable {
    /// Rows of one database transaction: many, since each rewrites the pages of the indexes that
    /// its rows fall into …
    static let maximumBatchRows = 10_000
    /// … and about how many bytes they may have.
    static let maximumBatchBytes = 8 << 20
    /// Rows that one statement is given at once.
    static let maximumStatementRows = 1000
    /// Rows that one database transaction removes.
    static let maximumRemovedRows = 5000

    private let database: any Database
    private let startedAt: Timestamp

    private init(_ database: any Database, startedAt: Timestamp) {
        self.database = database
        self.startedAt = startedAt
    }

    /// - Parameters:
    ///   - descriptor: the export. A regular file is read twice, once to check it.
    ///   - startOver: removes what an import that was broken off has left.
    ///   - progress: is told the bytes that were read; of a regular file twice as many as it has.
    ///   - open: opens the migrated database; called once the export is known to be good, or, where
    ///     it cannot be read twice, once its first line is.
    /// - Returns: how many rows were written.
    /// - Throws: ``MoveRefusal`` or what the database threw; the database is then as it was, unless
    ///   the error says that it is not.
    public static func run(
        from descriptor: Int32, startOver: Bool, now: Timestamp,
        progress: WorkProgress.Listener? = nil, open: () async throws -> any Database
    ) async throws -> Int64 {
        let size = regularFileSize(descriptor)
        let total = size.map { $0 * 2 }
        if let size {
            var reader = ExportReader(descriptor: descriptor) {
                progress?(WorkProgress(min($0, size), of: total, .bytes))
            }
            try reader.readHeader()
            try reader.readRows { _, _ in }
            guard lseek(descriptor, 0, SEEK_SET) == 0 else {
                throw MoveRefusal("the export cannot be read twice")
            }
        }
        var reader = ExportReader(descriptor: descriptor) {
            progress?(WorkProgress((size ?? 0) + $0, of: total, .bytes))
        }
        try reader.readHeader()
        let database = try await open()
        do {
            let run = DatabaseImport(database, startedAt: now)
            let rows = try run.fill(from: &reader, startOver: startOver)
            try database.close()
            return rows
        } catch {
            try database.close()
            throw error
        }
    }

    /// Bytes of a file that can be read twice; `nil` for a pipe.
    private static func regularFileSize(_ descriptor: Int32) -> Int64? {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        return Int64(status.st_size)
    }

    private func fill(from reader: inout ExportReader, startOver: Bool) throws -> Int64 {
        try claim(startOver: startOver)
        do {
            if startOver { try removeEverything() }
            return try write(&reader)
        } catch let error where !(error is ImportMark.TakenOver) {
            do {
                try removeEverything()
                try writeMarked { try ImportMark.clear($0) }
            } catch let second {
                throw MoveRefusal(
                    "\(error); what was written could not be removed (\(second)): "
                        + "the database stays marked as unfinished")
            }
            throw error
        }
    }

    /// Sets the mark, if the database is free for an import.
    private func claim(startOver: Bool) throws {
        try database.writeBlocking { connection in
            if !startOver {
                try ImportMark.refuseUnfinished(connection)
            } else if try ImportMark.startedAt(connection) == nil {
                throw MoveRefusal("no import was broken off in this database: nothing to remove")
            }
            if !startOver {
                for table in PortableTable.all.dropLast()
                where try connection.queryOne("SELECT 1 FROM \(table.name) LIMIT 1") != nil {
                    throw MoveRefusal(
                        "the database is not empty (\(table.name) has rows): "
                            + "import into a new one")
                }
            }
            try ImportMark.set(startedAt, connection)
        }
    }

    private func write(_ reader: inout ExportReader) throws -> Int64 {
        var batch = Batch()
        var installation: [SQLValue]?
        var count: Int64 = 0
        try reader.readRows { table, values in
            count += 1
            if table.name == PortableTable.installation.name {
                guard installation == nil else {
                    throw MoveRefusal("the export has two rows of installation")
                }
                installation = values
                return
            }
            if batch.table?.name != table.name || batch.isFull {
                try flush(&batch)
                batch.table = table
            }
            batch.append(values)
        }
        try flush(&batch)
        guard let installation else {
            throw MoveRefusal("the export has no row of installation")
        }
        try finish(installation)
        return count
    }

    /// Rows of one table that go into one database transaction.
    private struct Batch {
        var table: PortableTable?
        private(set) var rows: [[SQLValue]] = []
        private var bytes = 0

        var isFull: Bool {
            rows.count >= maximumBatchRows || bytes >= maximumBatchBytes
        }

        mutating func append(_ row: [SQLValue]) {
            rows.append(row)
            for case .text(let text) in row { bytes += text.utf8.count }
        }

        mutating func removeAll() {
            rows.removeAll(keepingCapacity: true)
            bytes = 0
        }
    }

    private func flush(_ batch: inout Batch) throws {
        guard let table = batch.table, !batch.rows.isEmpty else { return }
        let rows = batch.rows
        do {
            try writeMarked { connection in
                for start in stride(from: 0, to: rows.count, by: Self.maximumStatementRows) {
                    let end = min(start + Self.maximumStatementRows, rows.count)
                    try connection.enqueueMany(table.insert, Array(rows[start..<end]))
                }
            }
        } catch let error as DatabaseError {
            switch error {
            case .duplicate(let text), .constraint(let text):
                throw MoveRefusal("the rows of \(table.name) break the schema's rules: \(text)")
            default: throw error
            }
        }
        batch.removeAll()
    }

    /// One database transaction of an import whose mark still stands.
    @discardableResult
    private func writeMarked<Value>(
        _ body: (any DatabaseConnection) throws -> Value
    ) throws -> Value {
        try database.writeBlocking { connection in
            try ImportMark.hold(startedAt, connection)
            return try body(connection)
        }
    }

    /// Takes over the exported row of `installation` and, with it, removes the mark.
    private func finish(_ row: [SQLValue]) throws {
        let columns = PortableTable.installation.columns.map { "\($0.name) = ?" }
        try writeMarked { connection in
            try connection.execute(
                "UPDATE installation SET \(columns.joined(separator: ", "))", row)
            try ImportMark.clear(connection)
        }
    }

    /// Children before parents.
    private func removeEverything() throws {
        for table in PortableTable.all.dropLast().reversed() {
            let sql = table.deleteSome(Self.maximumRemovedRows)
            while try writeMarked({ try $0.execute(sql) }) > 0 {}
        }
    }
}
