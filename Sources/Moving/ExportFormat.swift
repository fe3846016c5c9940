import Database
import FoundationEssentials
import JSON
import Schema

/// What an export looks like: JSON Lines.
///
/// - the first line is an object: the format's name and version, the schema's version and the names
///   of its steps;
/// - each table begins with an object that names it, its columns and their kinds; one array a row
///   follows;
/// - the last line is an object: the number of rows of each table, and the SHA-256 of every byte
///   before that line.
package enum ExportFormat {
    static let name = "cuebx-export"
    static let version: Int64 = 1
    /// The longest line. The longest text that the service takes is a request's body of 1 MiB, and
    /// JSON may need six bytes for one.
    static let maximumLineBytes = 16 << 20

    static func header(exportedAt: String) -> JSONValue {
        [
            "format": .string(name), "format_version": .int(version),
            "schema_version": .int(Int64(migrations.count)),
            "schema": .array(migrations.map { .string($0.name) }),
            "exported_at": .string(exportedAt),
        ]
    }

    static func heading(of table: PortableTable) -> JSONValue {
        [
            "table": .string(table.name),
            "columns": .array(table.columns.map { .string($0.name) }),
            "kinds": .array(table.columns.map { .string($0.kind.rawValue) }),
        ]
    }

    static func trailer(rows: [(key: String, value: Int64)], sha256: String) -> JSONValue {
        [
            "rows": .object(JSONObject(rows.map { (key: $0.key, value: .int($0.value)) })),
            "sha256": .string(sha256),
        ]
    }

    /// One row as a line.
    package static func line(_ row: Row, of table: PortableTable) throws -> [UInt8] {
        var writer = JSONWriter()
        var reader = row.reader
        writer.beginArray()
        for column in table.columns {
            if try reader.isNull() {
                writer.null()
                continue
            }
            switch column.kind {
            case .integer: writer.integer(try reader.integer())
            case .text: writer.string(try reader.text())
            case .uuid: writer.string(try reader.uuid().text)
            case .bytes: writer.string(hexadecimal(try reader.blob()))
            }
        }
        writer.endArray()
        return writer.bytes
    }

    /// The value of a column; `nil` where it is of another kind.
    package static func value(_ json: JSONValue, _ kind: PortableTable.Kind) -> SQLValue? {
        if json.isNull { return .null }
        switch kind {
        case .integer: return json.int.map { .integer($0) }
        case .text: return json.string.map { .text($0) }
        case .uuid: return json.string.flatMap { UUID(uuidString: $0) }.map { .uuid($0) }
        case .bytes: return json.string.flatMap(bytes).map { .blob($0) }
        }
    }

    static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }

    private static func bytes(_ text: String) -> [UInt8]? {
        guard text.utf8.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in text {
            guard character.isASCII, let digit = character.hexDigitValue else { return nil }
            if let first = high {
                bytes.append(first << 4 | UInt8(digit))
                high = nil
            } else {
                high = UInt8(digit)
            }
        }
        return bytes
    }
}
