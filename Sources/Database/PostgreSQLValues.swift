import CPQ
import FoundationEssentials

/// The types of PostgreSQL that the service's tables and queries are made of, by the number that
/// the server gives them in `pg_type`.
enum PostgreSQLType: UInt32 {
    case bool = 16
    case bytea = 17
    case name = 19
    case int8 = 20
    case int2 = 21
    case int4 = 23
    case text = 25
    case varchar = 1043
    case void = 2278
    case uuid = 2950

    /// Its name in SQL.
    var name: String { "\(self)" }

    init(_ oid: Oid) throws {
        guard let type = PostgreSQLType(rawValue: oid) else {
            throw DatabaseError.decoding(
                "type \(oid) is none that the engines share; cast it to BIGINT or TEXT")
        }
        self = type
    }

    /// Appends the value in the binary format of this type. NULL has no bytes and is the caller's.
    func append(_ value: SQLValue, to buffer: inout [UInt8]) throws {
        switch (value, self) {
        case (.integer(let number), .int8): buffer.append(bigEndian: number)
        case (.integer(let number), .int4): buffer.append(bigEndian: try narrow(number, Int32.self))
        case (.integer(let number), .int2): buffer.append(bigEndian: try narrow(number, Int16.self))
        case (.integer(let number), .bool): buffer.append(number == 0 ? 0 : 1)
        case (.text(let text), .text), (.text(let text), .varchar), (.text(let text), .name):
            // PostgreSQL's texts cannot hold it; the server would say so less plainly.
            guard !text.utf8.contains(0) else { throw DatabaseError.other("a text with NUL") }
            buffer.append(contentsOf: text.utf8)
        case (.uuid(let uuid), .uuid), (.uuid(let uuid), .bytea):
            withUnsafeBytes(of: uuid.uuid) { buffer.append(contentsOf: $0) }
        case (.blob(let bytes), .bytea): buffer.append(contentsOf: bytes)
        case (.blob(let bytes), .uuid) where bytes.count == 16:
            buffer.append(contentsOf: bytes)
        default: throw DatabaseError.other("a parameter of type \(self) cannot be \(value.kind)")
        }
    }

    /// Appends the values of one parameter of many runs as an array in its binary format.
    func append(column: Int, of rows: [[SQLValue]], to buffer: inout [UInt8]) throws {
        let hasNull = rows.contains { $0[column] == .null }
        let dimensions: Int32 = 1
        let firstIndex: Int32 = 1
        for number in [
            dimensions, hasNull ? 1 : 0, Int32(rawValue), Int32(rows.count), firstIndex,
        ] { buffer.append(bigEndian: number) }
        for row in rows {
            guard row[column] != .null else {
                buffer.append(bigEndian: Int32(-1))
                continue
            }
            let place = buffer.count
            buffer.append(bigEndian: Int32(0))
            let start = buffer.count
            try append(row[column], to: &buffer)
            withUnsafeBytes(of: Int32(buffer.count - start).bigEndian) { length in
                for offset in length.indices { buffer[place + offset] = length[offset] }
            }
        }
    }

    private func narrow<Number: FixedWidthInteger>(
        _ value: Int64, _ type: Number.Type
    ) throws -> Number {
        guard let number = Number(exactly: value) else {
            throw DatabaseError.other("\(value) is too large for \(self)")
        }
        return number
    }

    /// Reads a value in the binary format of this type.
    func value(_ bytes: UnsafeRawBufferPointer) throws -> SQLValue {
        switch self {
        case .int8: return .integer(Int64(try number(bytes, Int64.self)))
        case .int4: return .integer(Int64(try number(bytes, Int32.self)))
        case .int2: return .integer(Int64(try number(bytes, Int16.self)))
        case .bool: return .integer(bytes.first == 1 ? 1 : 0)
        case .text, .varchar, .name: return .text(String(decoding: bytes, as: UTF8.self))
        case .bytea: return .blob(Array(bytes))
        case .uuid:
            guard bytes.count == 16 else { throw DatabaseError.decoding("a UUID of odd length") }
            return .uuid(UUID(uuid: bytes.loadUnaligned(as: uuid_t.self)))
        case .void: return .null
        }
    }

    private func number<Number: FixedWidthInteger>(
        _ bytes: UnsafeRawBufferPointer, _ type: Number.Type
    ) throws -> Number {
        guard bytes.count == MemoryLayout<Number>.size else {
            throw DatabaseError.decoding("a number of odd length")
        }
        return Number(bigEndian: bytes.loadUnaligned(as: Number.self))
    }
}

extension [UInt8] {
    fileprivate mutating func append<Number: FixedWidthInteger>(bigEndian number: Number) {
        Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
    }
}

extension SQLValue {
    fileprivate var kind: String {
        switch self {
        case .null: "NULL"
        case .integer: "an integer"
        case .text: "a text"
        case .uuid: "a UUID"
        case .blob: "bytes"
        }
    }
}
