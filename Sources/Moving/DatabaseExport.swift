import Crypto
import Database
import JSON
import Values

/// Writes a whole database as one stream, from one consistent snapshot, holding a few rows at a
/// time. It writes nothing to the database and may run beside a live server.
public struct DatabaseExport: Sendable {
    /// Bytes that are gathered before they are written.
    static let bufferBytes = 256 * 1024

    /// Rows between two words of progress.
    static let rowsBetweenWords: Int64 = 1000

    public struct Summary: Sendable {
        public let rows: Int64
        public let tables: Int
    }

    private let database: any Database

    public init(database: any Database) {
        self.database = database
    }

    /// - Parameters:
    ///   - progress: is told the rows that were written; they are counted first only for it.
    ///   - write: takes the stream's next bytes, in their order.
    public func run(
        now: Timestamp, progress: WorkProgress.Listener? = nil, write: ([UInt8]) throws -> Void
    ) throws -> Summary {
        try database.readBlocking { connection in
            try withoutActuallyEscaping(write) { write in
                let total = try progress.map { _ in try Self.rows(in: connection) }
                var written: Int64 = 0
                var stream = Stream(write: write)
                try stream.append(ExportFormat.header(exportedAt: now.rfc3339))
                var counts: [(key: String, value: Int64)] = []
                for table in PortableTable.all {
                    try stream.append(ExportFormat.heading(of: table))
                    var count: Int64 = 0
                    try connection.forEachRow(table.select, []) { row in
                        try stream.append(line: ExportFormat.line(row, of: table))
                        count += 1
                        written += 1
                        if written.isMultiple(of: Self.rowsBetweenWords) {
                            progress?(WorkProgress(written, of: total, .rows))
                        }
                    }
                    counts.append((table.name, count))
                }
                try stream.finish(counts)
                progress?(WorkProgress(written, of: total, .rows))
                return Summary(
                    rows: counts.reduce(0) { $0 + $1.value }, tables: counts.count)
            }
        }
    }

    private static func rows(in connection: any DatabaseConnection) throws -> Int64 {
        try PortableTable.all.reduce(0) { sum, table in
            var reader = try connection.query("SELECT count(*) FROM \(table.name)")[0].reader
            return try sum + reader.integer()
        }
    }

    /// Gathers lines and keeps the checksum of what has been written.
    private struct Stream {
        let write: ([UInt8]) throws -> Void
        private var buffer: [UInt8] = []
        private var digest = SHA256()

        init(write: @escaping ([UInt8]) throws -> Void) {
            self.write = write
            buffer.reserveCapacity(DatabaseExport.bufferBytes * 2)
        }

        mutating func append(_ value: JSONValue) throws {
            try append(line: Array(value.compactText.utf8))
        }

        mutating func append(line: [UInt8]) throws {
            buffer += line
            buffer.append(UInt8(ascii: "\n"))
            if buffer.count >= DatabaseExport.bufferBytes { try flush() }
        }

        mutating func finish(_ rows: [(key: String, value: Int64)]) throws {
            try flush()
            let sum = ExportFormat.hexadecimal(digest.finalize())
            try append(ExportFormat.trailer(rows: rows, sha256: sum))
            try flush()
        }

        private mutating func flush() throws {
            digest.update(data: buffer)
            try write(buffer)
            buffer.removeAll(keepingCapacity: true)
        }
    }
}
