import HTTPTypes
import JSON

/// An object of a request's body. Its initializer reads each member once from the reader, and that
/// list is at the same time the object's schema.
public protocol JSONInput: Sendable {
    /// The name of the schema.
    static var schemaName: String { get }
    static var about: String { get }

    init(_ reader: inout ObjectReader)
}

extension JSONInput {
    public static var schemaName: String { _typeName(Self.self, qualified: false) }
}

extension JSONInput {
    /// Reads a value that came another way than by HTTP, e.g. as a message.
    /// - Throws: ``Problem`` 422 with everything that is wrong with it.
    public static func decode(_ json: JSONValue) throws(Problem) -> Self {
        var errors: [FieldError] = []
        guard
            let value = InputKind<Self>.object(Self.self).read(json, FieldPath([], "body"), &errors)
        else {
            throw .invalid(errors)
        }
        return value
    }
}

/// Where in a request a value stands. The list of names is only made where something is wrong.
struct FieldPath: Sendable {
    private let parents: [String]
    private let name: String

    init(_ parents: [String], _ name: String) {
        self.parents = parents
        self.name = name
    }

    var names: [String] { parents + [name] }
}

/// Reads the members of one JSON object and notes everything that is wrong with them. Unknown
/// members are ignored. What is read out of a bad object is made of placeholders and is thrown
/// away by the caller.
public struct ObjectReader {
    private let object: JSONObject?
    private let location: [String]
    private(set) var errors: [FieldError] = []
    private var properties: [(key: String, value: JSONValue)] = []
    private var requiredNames: [JSONValue] = []
    private(set) var components: [String: JSONObject] = [:]

    /// A reader that only notes what is declared.
    init() {
        object = nil
        location = []
    }

    init(_ object: JSONObject, at location: [String]) {
        self.object = object
        self.location = location
    }

    public mutating func required<Value>(
        _ name: String, _ kind: InputKind<Value>, _ description: String
    ) -> Value {
        guard let object else {
            requiredNames.append(.string(name))
            return document(name, kind, description)
        }
        guard let json = object[name] else {
            errors.append(FieldError(location + [name], "is required", type: "missing"))
            return kind.placeholder()
        }
        return kind.read(json, FieldPath(location, name), &errors) ?? kind.placeholder()
    }

    /// A member that may be missing or null.
    public mutating func optional<Value>(
        _ name: String, _ kind: InputKind<Value>, _ description: String
    ) -> Value? {
        guard let object else {
            _ = document(name, kind, description, kind.schema.orNull())
            return nil
        }
        guard let json = object[name], json != .null else { return nil }
        return kind.read(json, FieldPath(location, name), &errors)
    }

    /// A flag that may be missing or null, and is then `value`.
    public mutating func optional(
        _ name: String, _ kind: InputKind<Bool>, default value: Bool, _ description: String
    ) -> Bool {
        guard object == nil else { return optional(name, kind, description) ?? value }
        let schema = kind.schema.orNull().adding(["default": .bool(value)])
        _ = document(name, kind, description, schema)
        return value
    }

    /// Notes a rule between members that is broken.
    public mutating func reject(_ name: String?, _ message: String, type: String) {
        let place = location + (name.map { [$0] } ?? [])
        if object != nil { errors.append(FieldError(place, message, type: type)) }
    }

    /// Whether something was found wrong with the object until now.
    package var hasErrors: Bool { !errors.isEmpty }

    /// Whether the object has this member, other than null.
    public func has(_ name: String) -> Bool {
        guard let value = object?[name] else { return false }
        return value != .null
    }

    /// Whether the object has this member, be it null: where null says something of its own.
    public func mentions(_ name: String) -> Bool { object?[name] != nil }

    /// Whether the object has this member and it is of this kind: for rules between members, which
    /// make no sense where one of them could not be read.
    public func has<Value>(_ name: String, _ kind: InputKind<Value>) -> Bool {
        guard let json = object?[name] else { return false }
        var flaws: [FieldError] = []
        return kind.read(json, FieldPath(location, name), &flaws) != nil
    }

    private mutating func document<Value>(
        _ name: String, _ kind: InputKind<Value>, _ description: String, _ schema: Schema? = nil
    ) -> Value {
        let schema = schema ?? kind.schema
        properties.append((name, .object(schema.described(description))))
        components.merge(schema.components) { first, _ in first }
        return kind.placeholder()
    }

    func schema(describedAs about: String) -> JSONObject {
        var schema: JSONObject = [
            "type": "object", "description": .string(about),
            "properties": .object(JSONObject(properties)),
        ]
        if !requiredNames.isEmpty { schema["required"] = .array(requiredNames) }
        return schema
    }
}

/// Reads a request's path, query, headers and body. An action declares its input by reading it;
/// the same calls, on a reader without a request, write its documentation.
public struct InputReader {
    package struct Source {
        let path: [String: String]
        let query: [String: [String]]
        let headers: RequestHeaders
        /// `nil` where the body is empty.
        let body: JSONValue?
        /// The body as it came.
        let bytes: [UInt8]

        package init(
            path: [String: String], query: [String: [String]], headers: RequestHeaders,
            body: JSONValue?, bytes: [UInt8]
        ) {
            self.path = path
            self.query = query
            self.headers = headers
            self.body = body
            self.bytes = bytes
        }
    }

    private let source: Source?
    private(set) var errors: [FieldError] = []
    private(set) var parameters: [JSONValue] = []
    /// The named schemas that the parameters refer to.
    private(set) var components: [String: JSONObject] = [:]
    private(set) var bodySchema: Schema?
    private(set) var bodyIsRequired = false

    package init(_ source: Source?) {
        self.source = source
    }

    public mutating func path<Value>(
        _ name: String, _ kind: InputKind<Value>, _ description: String
    ) -> Value {
        guard let source else {
            return document("path", name, kind, description, isRequired: true)
        }
        let text = source.path[name] ?? ""
        return kind.read(.string(text), FieldPath(["path"], name), &errors) ?? kind.placeholder()
    }

    public mutating func query<Value>(
        _ name: String, _ kind: InputKind<Value>, _ description: String
    ) -> Value? {
        guard let source else {
            _ = document("query", name, kind, description, isRequired: false)
            return nil
        }
        guard let texts = source.query[name], let text = texts.first else { return nil }
        if texts.count > 1 {
            errors.append(FieldError(["query", name], "is given twice", type: "repeated"))
            return nil
        }
        // A query has only texts; one that reads as a number may be meant as one.
        let isNumber = kind.schema.object["type"] == "integer"
        let json = isNumber ? JSONValue.number(text) : .string(text)
        return kind.read(json, FieldPath(["query"], name), &errors)
    }

    /// The parameter as it came; `nil` where it is missing, and on a reader without a request.
    package func text(query name: String) -> String? { source?.query[name]?.first }

    /// Whether the query has this parameter, good or bad.
    public func has(query name: String) -> Bool { source?.query[name] != nil }

    /// Notes a rule between parameters of the query that is broken.
    public mutating func reject(query name: String, _ message: String, type: String) {
        if source != nil { errors.append(FieldError(["query", name], message, type: type)) }
    }

    /// A header that changes what the endpoint does.
    public mutating func header(
        _ name: HTTPField.Name, _ description: String
    ) -> String? {
        guard let source else {
            let kind = InputKind<String>.text(0...255)
            _ = document("header", name.canonicalName, kind, description, isRequired: false)
            return nil
        }
        return source.headers[name]
    }

    public mutating func body<Value: JSONInput>(_ type: Value.Type) -> Value {
        body(.object(type), isRequired: true)
    }

    /// A body that is read by a closure which knows more than the type, e.g. the catalog.
    public mutating func body<Value: JSONInput>(
        _ type: Value.Type, _ make: @escaping @Sendable (inout ObjectReader) -> Value
    ) -> Value {
        body(.object(type, make), isRequired: true)
    }

    /// A body that may be left out, which is the same as an empty object.
    public mutating func optionalBody<Value: JSONInput>(_ type: Value.Type) -> Value {
        body(.object(type), isRequired: false)
    }

    private mutating func body<Value>(_ kind: InputKind<Value>, isRequired: Bool) -> Value {
        guard let source else {
            bodySchema = kind.schema
            bodyIsRequired = isRequired
            return kind.placeholder()
        }
        let json = source.body ?? .object(JSONObject())
        return kind.read(json, FieldPath([], "body"), &errors) ?? kind.placeholder()
    }

    private mutating func document<Value>(
        _ place: JSONValue, _ name: String, _ kind: InputKind<Value>, _ description: String,
        isRequired: Bool
    ) -> Value {
        components.merge(kind.schema.components) { first, _ in first }
        parameters.append([
            "name": .string(name), "in": place, "description": .string(description),
            "required": .bool(isRequired), "schema": .object(kind.schema.object),
        ])
        return kind.placeholder()
    }
}
