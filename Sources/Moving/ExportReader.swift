import Crypto
import Database
import JSON
import Schema

/// Reads an export and holds it to its format: the tables of this schema in their order, each value
/// of its column's kind, the numbers of rows and the checksum of the last line.
package struct ExportReader {
    private var lines: LineReader
    private var digest = SHA256()
    /// Is told the bytes that were read, now and then.
    private let whileReading: (Int64) -> Void
    private var told: Int64 = 0

    package init(descriptor: Int32, whileReading: @escaping (Int64) -> Void = { _ in }) {
        self.whileReading = whileReading
        lines = LineReader(
            descriptor: descriptor, maximumLineBytes: ExportFormat.maximumLineBytes)
    }

    /// Reads the first line.
    ///
    /// - Throws: ``MoveRefusal`` where it is no export, or one of another version.
    package mutating func readHeader() throws {
        guard let line = try nextLine(),
            let header = Self.json(line), header["format"]?.string == ExportFormat.name
        else { throw MoveRefusal("this is no export of cuebx: its first line says otherwise") }
        guard header["format_version"]?.int == ExportFormat.version else {
            throw MoveRefusal("the export is of another format version: use the cuebx it came from")
        }
        guard let version = header["schema_version"]?.int else {
            throw damaged("no schema version")
        }
        let known = Int64(migrations.count)
        guard version <= known else {
            throw MoveRefusal(
                "the export has schema version \(version), this program knows \(known): update it")
        }
        guard version == known else {
            throw MoveRefusal(
                "the export has schema version \(version), this program writes \(known): "
                    + "update the database that it comes from and export again")
        }
        guard header["schema"]?.array?.map(\.string) == migrations.map(\.name) else {
            throw MoveRefusal("the export is of another program's schema")
        }
        digest.update(data: line)
    }

    /// Reads the tables and the last line, after the header.
    ///
    /// - Parameter row: takes each row as it comes; what follows may yet turn out damaged.
    package mutating func readRows(_ row: (PortableTable, [SQLValue]) throws -> Void) throws {
        var counts: [String: Int64] = [:]
        var waiting = PortableTable.all[...]
        var table: PortableTable?
        while let line = try nextLine() {
            guard let json = Self.json(line) else { throw damaged("it is not JSON") }
            if json["sha256"] != nil {
                guard waiting.isEmpty else { throw damaged("tables are missing") }
                try finish(json, counts)
                return
            }
            digest.update(data: line)
            if json["table"] != nil {
                guard let next = waiting.popFirst(), json == ExportFormat.heading(of: next) else {
                    throw damaged("not the table and columns that belong here")
                }
                table = next
                counts[next.name] = 0
            } else if let table, let cells = json.array {
                try row(table, values(cells, table))
                counts[table.name, default: 0] += 1
            } else {
                throw damaged("neither a table nor a row")
            }
        }
        throw MoveRefusal("the export has no last line: it was cut off")
    }

    private func values(_ cells: [JSONValue], _ table: PortableTable) throws -> [SQLValue] {
        guard cells.count == table.columns.count else {
            throw damaged("\(table.name) has \(table.columns.count) columns, not \(cells.count)")
        }
        var values: [SQLValue] = []
        values.reserveCapacity(cells.count)
        for (cell, column) in zip(cells, table.columns) {
            guard let value = ExportFormat.value(cell, column.kind) else {
                throw damaged("\(table.name).\(column.name) is no \(column.kind.rawValue)")
            }
            if case .integer(let number) = value, !column.range.contains(number) {
                throw damaged("\(table.name).\(column.name) is out of range")
            }
            values.append(value)
        }
        return values
    }

    private mutating func finish(_ trailer: JSONValue, _ counts: [String: Int64]) throws {
        for table in PortableTable.all
        where trailer["rows"]?[table.name]?.int != counts[table.name] {
            throw damaged("the rows of \(table.name) are not as many as it says")
        }
        guard trailer["sha256"]?.string == ExportFormat.hexadecimal(digest.finalize()) else {
            throw damaged("the checksum is another: something before this line was changed")
        }
        guard try nextLine() == nil else { throw damaged("something follows the last line") }
    }

    /// A line that ends as lines do; the end of a cut-off file is no line.
    private mutating func nextLine() throws -> [UInt8]? {
        guard let line = try lines.next() else { return nil }
        if lines.bytes != told {
            told = lines.bytes
            whileReading(told)
        }
        guard line.last == UInt8(ascii: "\n") else {
            throw MoveRefusal("the export breaks off in line \(lines.line): it was cut off")
        }
        return line
    }

    private func damaged(_ reason: String) -> MoveRefusal {
        .damaged(line: lines.line, reason)
    }

    private static func json(_ line: [UInt8]) -> JSONValue? {
        do {
            return try JSONValue.parse(line)
        } catch {
            // The caller says which line; where in it the syntax breaks helps nobody.
            return nil
        }
    }
}
