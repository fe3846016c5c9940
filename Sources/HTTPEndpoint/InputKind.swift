import FoundationEssentials
import JSON
import Values

/// A kind of value that a request may carry: how it is documented and how it is read, declared
/// together so that the two cannot drift apart.
public struct InputKind<Value: Sendable>: Sendable {
    /// Makes the kind's JSON Schema (2020-12). A request is read without it: only the
    /// documentation asks.
    let document: @Sendable () -> Schema
    /// Stands in where the value is bad or only the declaration is wanted. It never gets past the
    /// reader.
    let placeholder: @Sendable () -> Value
    /// Reads the value, or says what is wrong with it.
    let read: @Sendable (JSONValue, FieldPath, inout [FieldError]) -> Value?

    /// The kind in JSON Schema 2020-12.
    public var schema: Schema { document() }

    init(
        _ schema: @autoclosure @escaping @Sendable () -> Schema,
        placeholder: @autoclosure @escaping @Sendable () -> Value,
        _ read: @escaping @Sendable (JSONValue, FieldPath, inout [FieldError]) -> Value?
    ) {
        self.document = schema
        self.placeholder = placeholder
        self.read = read
    }

    /// The same kind, with a further rule on its values.
    public func satisfying(
        _ type: String, _ message: String, _ isGood: @escaping @Sendable (Value) -> Bool
    ) -> InputKind {
        let (document, placeholder, read) = (self.document, self.placeholder, self.read)
        return InputKind(document(), placeholder: placeholder()) { json, loc, errors in
            guard let value = read(json, loc, &errors) else { return nil }
            if isGood(value) { return value }
            errors.append(FieldError(loc, message, type: type))
            return nil
        }
    }

    /// The same kind, with further members of its JSON Schema, for a rule that the kind's own
    /// schema does not tell.
    public func documented(_ members: JSONObject) -> InputKind {
        let (document, placeholder, read) = (self.document, self.placeholder, self.read)
        return InputKind(document().adding(members), placeholder: placeholder(), read)
    }

    /// The same kind, turned into another type.
    public func map<Other: Sendable>(
        placeholder: @autoclosure @escaping @Sendable () -> Other,
        _ transform: @escaping @Sendable (Value) -> Other
    ) -> InputKind<Other> {
        let (document, read) = (self.document, self.read)
        return InputKind<Other>(document(), placeholder: placeholder()) { json, loc, errors in
            read(json, loc, &errors).map(transform)
        }
    }
}

extension InputKind where Value == String {
    /// Text of so many Unicode scalars. NUL is refused: PostgreSQL cannot store it, and no honest
    /// text has it.
    public static func text(
        _ length: ClosedRange<Int>, format: String? = nil
    ) -> InputKind<String> {
        InputKind(textSchema(length, format: format), placeholder: "") { json, loc, errors in
            guard let text = json.string else {
                errors.append(FieldError(loc, "must be a string", type: "string_type"))
                return nil
            }
            // A scalar takes one to four bytes: most texts are judged by their bytes alone.
            let bytes = text.utf8.count
            let isShort = bytes > 0 && bytes <= length.upperBound && length.lowerBound <= 1
            let count = isShort ? bytes : text.unicodeScalars.count
            if count < length.lowerBound {
                let message = "must have at least \(characters(length.lowerBound))"
                errors.append(FieldError(loc, message, type: "string_too_short"))
                return nil
            }
            if count > length.upperBound {
                let message = "must have at most \(characters(length.upperBound))"
                errors.append(FieldError(loc, message, type: "string_too_long"))
                return nil
            }
            if text.utf8.contains(0) {
                errors.append(FieldError(loc, "must not contain NUL", type: "string_nul"))
                return nil
            }
            return text
        }
    }

    /// Text of any length, of which the first so many Unicode scalars are kept: for what a third
    /// party wrote, whose length is not the caller's fault.
    public static func text(cutTo length: Int) -> InputKind<String> {
        let whole = InputKind<String>.text(0...Int.max)
        return InputKind(Schema(["type": "string"]), placeholder: "") { json, loc, errors in
            whole.read(json, loc, &errors).map { text in
                String(String.UnicodeScalarView(text.unicodeScalars.prefix(length)))
            }
        }
    }

    private static func textSchema(_ length: ClosedRange<Int>, format: String?) -> Schema {
        var schema: JSONObject = [
            "type": "string", "minLength": .int(Int64(length.lowerBound)),
            "maxLength": .int(Int64(length.upperBound)),
        ]
        if let format { schema["format"] = .string(format) }
        return Schema(schema)
    }

    private static func characters(_ count: Int) -> String {
        count == 1 ? "1 character" : "\(count) characters"
    }

    /// Exactly so many characters out of a set of ASCII ones.
    public static func characters(
        _ count: Int, outOf set: String, pattern: String, _ message: String
    ) -> InputKind<String> {
        let set = ASCIISet(set)
        return InputKind(
            Schema(["type": "string", "pattern": .string(pattern)]), placeholder: ""
        ) { json, loc, errors in
            guard let text = json.string else {
                errors.append(FieldError(loc, "must be a string", type: "string_type"))
                return nil
            }
            guard text.utf8.count == count, text.utf8.allSatisfy(set.contains) else {
                errors.append(FieldError(loc, message, type: "string_pattern_mismatch"))
                return nil
            }
            return text
        }
    }
}

extension InputKind where Value == UUID {
    public static var uuid: InputKind<UUID> {
        InputKind(
            Schema(["type": "string", "format": "uuid"]), placeholder: UUID(uuid: UUID_NULL)
        ) { json, loc, errors in
            guard let text = json.string, let uuid = UUID(text: text) else {
                errors.append(FieldError(loc, "must be a UUID", type: "uuid_parsing"))
                return nil
            }
            return uuid
        }
    }
}

private let UUID_NULL: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

extension InputKind where Value == Int64 {
    /// A whole number that is written as one: neither `1.0` nor `1e3`, nor a string.
    public static func integer(_ range: ClosedRange<Int64>) -> InputKind<Int64> {
        InputKind(
            Schema([
                "type": "integer", "minimum": .int(range.lowerBound),
                "maximum": .int(range.upperBound),
            ]), placeholder: range.lowerBound
        ) { json, loc, errors in
            guard case .number(let text) = json, isWhole(text) else {
                errors.append(FieldError(loc, "must be an integer", type: "int_type"))
                return nil
            }
            // A number with too many digits for 64 bits is out of range like any other.
            let value = Int64(text) ?? (text.utf8.first == 45 ? .min : .max)
            if value < range.lowerBound {
                let message = "must be at least \(range.lowerBound)"
                errors.append(FieldError(loc, message, type: "greater_than_equal"))
                return nil
            }
            if value > range.upperBound {
                let message = "must be at most \(range.upperBound)"
                errors.append(FieldError(loc, message, type: "less_than_equal"))
                return nil
            }
            return value
        }
    }
}

/// Whether a number is written with digits alone, and a sign before them where it is negative.
private func isWhole(_ text: String) -> Bool {
    let hasSign = text.utf8.first == UInt8(ascii: "-")
    let digits = text.utf8.dropFirst(hasSign ? 1 : 0)
    return !digits.isEmpty && digits.allSatisfy { (48...57).contains($0) }
}

extension InputKind where Value == Bool {
    public static var bool: InputKind<Bool> {
        InputKind(Schema(["type": "boolean"]), placeholder: false) { json, loc, errors in
            if let flag = json.bool { return flag }
            errors.append(FieldError(loc, "must be true or false", type: "bool_type"))
            return nil
        }
    }
}

extension InputKind where Value == Timestamp {
    /// An RFC 3339 date-time, or a date, which is its first instant in UTC.
    public static var time: InputKind<Timestamp> { instant(secondsAfterDate: 0) }

    /// Where a span ends, which does not cover it: an RFC 3339 date-time, or a date, which is the
    /// first instant of the next, so that the span covers the whole day in UTC.
    public static var end: InputKind<Timestamp> { instant(secondsAfterDate: 86_400) }

    private static func instant(secondsAfterDate: Int64) -> InputKind<Timestamp> {
        InputKind(
            Schema(["type": "string", "format": "date-time"]), placeholder: .epoch
        ) { json, loc, errors in
            if let text = json.string, let time = Timestamp(rfc3339: text) {
                let isDate = text.utf8.count == "2026-01-31".utf8.count
                return isDate ? time.adding(seconds: secondsAfterDate) : time
            }
            let message = "must be a date or an RFC 3339 date-time"
            errors.append(FieldError(loc, message, type: "datetime_parsing"))
            return nil
        }
    }
}

extension InputKind where Value: CaseIterable & RawRepresentable, Value.RawValue == String {
    /// One of an enumeration's raw values.
    public static func oneOf(_ type: Value.Type) -> InputKind<Value> {
        InputKind(
            .enumeration(of: type), placeholder: Value.allCases[Value.allCases.startIndex]
        ) { json, loc, errors in
            if let text = json.string, let value = Value(rawValue: text) { return value }
            let values = Value.allCases.map(\.rawValue)
            let message = "must be one of \(values.joined(separator: ", "))"
            errors.append(FieldError(loc, message, type: "enum"))
            return nil
        }
    }
}

extension InputKind where Value: JSONInput {
    /// A nested object.
    public static func object(_ type: Value.Type) -> InputKind<Value> {
        object(type, Value.init)
    }
}

extension InputKind {
    /// A nested object that is read by this closure.
    static func object<Object: JSONInput>(
        _ type: Object.Type, _ make: @escaping @Sendable (inout ObjectReader) -> Value
    ) -> InputKind<Value> {
        InputKind(objectSchema(type, make), placeholder: placeholder(of: make)) {
            json, loc, errors in
            guard case .object(let object) = json else {
                errors.append(FieldError(loc, "must be an object", type: "object_type"))
                return nil
            }
            var reader = ObjectReader(object, at: loc.names)
            let value = make(&reader)
            errors += reader.errors
            return reader.errors.isEmpty ? value : nil
        }
    }

    private static func objectSchema<Object: JSONInput>(
        _ type: Object.Type, _ make: (inout ObjectReader) -> Value
    ) -> Schema {
        var documentation = ObjectReader()
        _ = make(&documentation)
        return .named(
            Object.schemaName, documentation.schema(describedAs: Object.about),
            documentation.components)
    }

    private static func placeholder(of make: (inout ObjectReader) -> Value) -> Value {
        var nothing = ObjectReader()
        return make(&nothing)
    }
}

extension InputKind where Value == UUID {
    /// A ``Cursor``.
    package static var cursor: InputKind<UUID> {
        InputKind<String>.text(1...64).documented(["pattern": "^[A-Za-z0-9_-]{22}$"])
            .satisfying("cursor", "is not a cursor of ours") { Cursor.parse($0) != nil }
            .map(placeholder: UUID()) { Cursor.parse($0) ?? UUID() }
    }
}
