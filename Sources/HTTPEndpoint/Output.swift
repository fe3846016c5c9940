import FoundationEssentials
import HTTPTypes
import JSON
import Values

/// What an endpoint answers with: it can write itself and tell its schema.
public protocol JSONOutput: Sendable {
    static var schema: Schema { get }
    func write(to writer: inout JSONWriter)
}

/// An object whose members are declared once, as a list that both writes and documents them.
public protocol JSONObjectOutput: JSONOutput {
    static var schemaName: String { get }
    static var about: String { get }
    static var fields: [OutputField<Self>] { get }
}

extension JSONObjectOutput {
    public static var schemaName: String { _typeName(Self.self, qualified: false) }

    public static var schema: Schema {
        var components: [String: JSONObject] = [:]
        var properties: [(key: String, value: JSONValue)] = []
        for field in fields {
            components.merge(field.schema.components) { first, _ in first }
            properties.append((field.name, .object(field.schema.described(field.description))))
        }
        let object: JSONObject = [
            "type": "object", "description": .string(about),
            "properties": .object(JSONObject(properties)),
            "required": .array(fields.map { .string($0.name) }),
        ]
        return .named(schemaName, object, components)
    }

    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        for field in Self.fields {
            writer.key(field.name)
            field.write(self, &writer)
        }
        writer.endObject()
    }
}

extension Optional: JSONOutput where Wrapped: JSONOutput {
    public static var schema: Schema { Wrapped.schema.orNull() }

    public func write(to writer: inout JSONWriter) {
        if let value = self { value.write(to: &writer) } else { writer.null() }
    }
}

/// One member of an answer.
public struct OutputField<Root: Sendable>: Sendable {
    public let name: String
    public let description: String
    let schema: Schema
    let write: @Sendable (Root, inout JSONWriter) -> Void

    public init<Value>(
        _ name: String, _ kind: OutputKind<Value>, _ description: String,
        _ get: @escaping @Sendable (Root) -> Value
    ) {
        self.name = name
        self.description = description
        self.schema = kind.schema
        let write = kind.write
        self.write = { root, writer in write(get(root), &writer) }
    }

    /// A member of an answer that is written piece by piece by a ``BodySource``: documented here.
    public init(_ name: String, of schema: Schema, _ description: String) {
        self.init(name: name, description: description, schema: schema) { $1.null() }
    }

    /// Such a member, a list.
    public init(_ name: String, listOf schema: Schema, _ description: String) {
        self.init(name, of: schema.array(), description)
    }

    private init(
        name: String, description: String, schema: Schema,
        write: @escaping @Sendable (Root, inout JSONWriter) -> Void
    ) {
        self.name = name
        self.description = description
        self.schema = schema
        self.write = write
    }

    /// The same member of an answer that holds this one and tells more.
    public func of<Outer: Sendable>(
        _ get: @escaping @Sendable (Outer) -> Root
    ) -> OutputField<Outer> {
        let write = self.write
        return OutputField<Outer>(
            name: name, description: description, schema: schema,
            write: { outer, writer in write(get(outer), &writer) })
    }
}

/// A kind of value that an answer may carry.
public struct OutputKind<Value>: Sendable {
    let schema: Schema
    let write: @Sendable (Value, inout JSONWriter) -> Void

    init(
        _ schema: Schema, _ write: @escaping @Sendable (Value, inout JSONWriter) -> Void
    ) {
        self.schema = schema
        self.write = write
    }

    /// The value or null.
    public static func nullable<Wrapped>(
        _ kind: OutputKind<Wrapped>
    ) -> OutputKind<Value> where Value == Wrapped? {
        OutputKind(kind.schema.orNull()) { value, writer in
            if let value { kind.write(value, &writer) } else { writer.null() }
        }
    }

    public static func array<Element>(
        _ kind: OutputKind<Element>
    ) -> OutputKind<Value> where Value == [Element] {
        OutputKind(kind.schema.array()) { values, writer in
            writer.beginArray()
            for value in values { kind.write(value, &writer) }
            writer.endArray()
        }
    }
}

extension OutputKind where Value == String {
    public static var text: OutputKind<String> {
        OutputKind(Schema(["type": "string"])) { $1.string($0) }
    }
}

extension OutputKind where Value == UUID {
    public static var uuid: OutputKind<UUID> {
        OutputKind(Schema(["type": "string", "format": "uuid"])) { $1.string($0.text) }
    }
}

extension OutputKind where Value == Int64 {
    public static var integer: OutputKind<Int64> {
        OutputKind(Schema(["type": "integer"])) { $1.integer($0) }
    }
}

extension OutputKind where Value == Bool {
    public static var bool: OutputKind<Bool> {
        OutputKind(Schema(["type": "boolean"])) { $1.bool($0) }
    }
}

extension OutputKind where Value == Timestamp {
    public static var time: OutputKind<Timestamp> {
        OutputKind(Schema(["type": "string", "format": "date-time"])) { $1.string($0.rfc3339) }
    }
}

extension OutputKind where Value == Credits {
    /// A decimal string with at least two decimals.
    public static var credits: OutputKind<Credits> {
        OutputKind(Schema(["type": "string", "pattern": "^-?[0-9]+\\.[0-9]{2,6}$"])) {
            $1.string($0.decimal)
        }
    }
}

extension OutputKind
where Value: RawRepresentable & CaseIterable & SendableMetatype, Value.RawValue == String {
    public static var oneOf: OutputKind<Value> {
        OutputKind(.enumeration(of: Value.self)) { $1.string($0.rawValue) }
    }
}

extension OutputKind where Value: JSONOutput {
    public static var object: OutputKind<Value> {
        OutputKind(Value.schema) { $0.write(to: &$1) }
    }
}

/// An answer with its status and headers.
public struct Reply<Output: JSONOutput>: Sendable {
    public var status: Int
    public var headers: HTTPFields
    /// `nil` for status 204, and for an answer that is made as the client takes it.
    public let output: Output?
    /// What makes that answer: JSON of the output's schema.
    package let source: (any BodySource)?

    public init(_ output: Output, status: Int = 200, headers: HTTPFields = [:]) {
        self.status = status
        self.headers = headers
        self.output = output
        source = nil
    }

    /// An answer too large to be made at once.
    public init(from source: any BodySource) {
        self.init(status: 200, source: source)
    }

    private init(status: Int, source: (any BodySource)?) {
        self.status = status
        self.source = source
        headers = [:]
        output = nil
    }

    public static var noContent: Reply { Reply(status: 204, source: nil) }
}

/// Says that something was done.
public struct MessageResponse: JSONObjectOutput {
    public let message: String
    public let success: Bool

    public init(_ message: String, success: Bool = true) {
        self.message = message
        self.success = success
    }

    public static let about = "Says that something was done."
    public static let fields: [OutputField<MessageResponse>] = [
        OutputField("message", .text, "One sentence for a person.") { $0.message },
        OutputField("success", .bool, "Whether it was done.") { $0.success },
    ]
}
