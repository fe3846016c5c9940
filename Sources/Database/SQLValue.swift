import FoundationEssentials
import Values

/// A value that is bound to a parameter or read from a column.
public enum SQLValue: Sendable, Hashable {
    case null
    case integer(Int64)
    case text(String)
    case uuid(UUID)
    case blob([UInt8])

    public static func text(_ value: String?) -> SQLValue { value.map { .text($0) } ?? .null }
    public static func uuid(_ value: UUID?) -> SQLValue { value.map { .uuid($0) } ?? .null }
    public static func integer(_ value: Int64?) -> SQLValue { value.map { .integer($0) } ?? .null }
    public static func integer(_ value: Int) -> SQLValue { .integer(Int64(value)) }
    public static func bool(_ value: Bool) -> SQLValue { .integer(value ? 1 : 0) }
    /// Microseconds since 1970.
    public static func time(_ value: Timestamp) -> SQLValue { .integer(value.micros) }
    public static func time(_ value: Timestamp?) -> SQLValue {
        value.map { .integer($0.micros) } ?? .null
    }
    /// Micro-credits.
    public static func credits(_ value: Credits) -> SQLValue { .integer(value.micros) }
    public static func credits(_ value: Credits?) -> SQLValue {
        value.map { .integer($0.micros) } ?? .null
    }
}

/// One row of an answer, its columns in the order of the SELECT.
public struct Row: Sendable {
    public let values: [SQLValue]

    public init(values: [SQLValue]) {
        self.values = values
    }

    /// Reads the columns one after another.
    public var reader: RowReader { RowReader(values: values) }
}

/// Reads the columns of a row from left to right, so that the list in the SELECT and the code that
/// reads it stand side by side in the same order.
///
/// Each call throws ``DatabaseError/decoding(_:)`` where the column is of another kind.
public struct RowReader {
    /// What a count may be: nothing is counted beyond 2^53, the last whole number that every reader
    /// of JSON knows.
    public static let counts: ClosedRange<Int64> = 0...9_007_199_254_740_992

    let values: [SQLValue]
    private var index = 0

    init(values: [SQLValue]) {
        self.values = values
    }

    public mutating func next() throws -> SQLValue {
        guard index < values.count else {
            throw DatabaseError.decoding("the row has only \(values.count) columns")
        }
        defer { index += 1 }
        return values[index]
    }

    public mutating func integer() throws -> Int64 {
        guard case .integer(let value) = try next() else { throw unexpected("an integer") }
        return value
    }

    public mutating func optionalInteger() throws -> Int64? {
        if try isNull() { return nil }
        return try integer()
    }

    public mutating func bool() throws -> Bool { try integer() != 0 }

    public mutating func text() throws -> String {
        guard case .text(let value) = try next() else { throw unexpected("text") }
        return value
    }

    public mutating func optionalText() throws -> String? {
        if try isNull() { return nil }
        return try text()
    }

    public mutating func uuid() throws -> UUID {
        switch try next() {
        case .uuid(let value): return value
        // SQLite has no type for UUIDs; they are kept as sixteen bytes.
        case .blob(let bytes) where bytes.count == 16:
            return bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
        default: throw unexpected("a UUID")
        }
    }

    public mutating func optionalUUID() throws -> UUID? {
        if try isNull() { return nil }
        return try uuid()
    }

    public mutating func blob() throws -> [UInt8] {
        switch try next() {
        case .blob(let value): return value
        // Sixteen bytes of SQLite's could be either.
        case .uuid(let value): return withUnsafeBytes(of: value.uuid) { Array($0) }
        default: throw unexpected("bytes")
        }
    }

    public mutating func optionalBlob() throws -> [UInt8]? {
        if try isNull() { return nil }
        return try blob()
    }

    /// An integer of a range: what a row holds beyond it was not written by this program.
    public mutating func integer(in range: ClosedRange<Int64>) throws -> Int64 {
        let value = try integer()
        guard range.contains(value) else {
            throw DatabaseError.decoding("column \(index) is out of range")
        }
        return value
    }

    /// What is counted by ones: it can always be counted on.
    public mutating func count() throws -> Int64 { try integer(in: RowReader.counts) }

    public mutating func optionalCount() throws -> Int64? {
        try isNull() ? nil : count()
    }

    public mutating func time() throws -> Timestamp {
        guard let time = Timestamp(micros: try integer()) else { throw unexpected("a time") }
        return time
    }

    public mutating func optionalTime() throws -> Timestamp? {
        try isNull() ? nil : time()
    }

    public mutating func credits() throws -> Credits {
        guard let credits = Credits(micros: try integer()) else { throw unexpected("credits") }
        return credits
    }

    public mutating func optionalCredits() throws -> Credits? {
        try isNull() ? nil : credits()
    }

    /// A text column that holds one of an enumeration's raw values.
    public mutating func oneOf<Value: RawRepresentable>(
        _ type: Value.Type
    ) throws -> Value where Value.RawValue == String {
        let name = try text()
        guard let value = Value(rawValue: name) else {
            throw DatabaseError.decoding("'\(name)' is no \(type)")
        }
        return value
    }

    /// Looks at the next column; steps over it only where it is NULL.
    public mutating func isNull() throws -> Bool {
        guard index < values.count else {
            throw DatabaseError.decoding("the row has only \(values.count) columns")
        }
        guard values[index] == .null else { return false }
        index += 1
        return true
    }

    private func unexpected(_ expected: String) -> DatabaseError {
        .decoding("column \(index) is not \(expected)")
    }
}
