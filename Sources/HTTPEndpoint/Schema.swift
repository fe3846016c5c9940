import JSON

/// An enumeration that has another name in the document than in the program.
public protocol NamedEnumeration {
    static var schemaName: String { get }
}

/// A JSON Schema (2020-12) and the named schemas that it refers to.
public struct Schema: Sendable {
    public let object: JSONObject
    public let components: [String: JSONObject]

    public init(_ object: JSONObject, components: [String: JSONObject] = [:]) {
        self.object = object
        self.components = components
    }

    /// A reference to a schema that the document lists under this name.
    package static func named(
        _ name: String, _ object: JSONObject, _ others: [String: JSONObject]
    ) -> Schema {
        var components = others
        components[name] = object
        return Schema(
            ["$ref": .string("#/components/schemas/\(name)")], components: components)
    }

    /// The schema of an enumeration, listed under its name: a generator of clients makes one type
    /// of it, wherever it is used.
    static func enumeration<Value: CaseIterable & RawRepresentable>(
        of type: Value.Type
    ) -> Schema where Value.RawValue == String {
        let values = JSONValue.array(type.allCases.map { .string($0.rawValue) })
        return named(name(of: type), ["type": "string", "enum": values], [:])
    }

    /// The name that the type chose, or those of the types that it is nested in and its own.
    private static func name(of type: any Any.Type) -> String {
        if let named = type as? any NamedEnumeration.Type { return named.schemaName }
        return String(reflecting: type).split(separator: ".").dropFirst()
            .filter { !$0.contains("(") }.joined()
    }

    func described(_ description: String) -> JSONObject {
        var copy = object
        copy["description"] = .string(description)
        return copy
    }

    /// The schema of what is one of these.
    package static func anyOf(_ schemas: [Schema]) -> Schema {
        var components: [String: JSONObject] = [:]
        for schema in schemas { components.merge(schema.components) { first, _ in first } }
        return Schema(
            ["anyOf": .array(schemas.map { .object($0.object) })], components: components)
    }

    func adding(_ members: JSONObject) -> Schema {
        var copy = object
        for member in members.members { copy[member.key] = member.value }
        return Schema(copy, components: components)
    }

    func orNull() -> Schema {
        Schema(["anyOf": [.object(object), ["type": "null"]]], components: components)
    }

    func array() -> Schema {
        Schema(["type": "array", "items": .object(object)], components: components)
    }
}
