import JSON

/// A JSON Schema (2020-12) and the named schemas that it refers to.
public struct Schema: Sendable {
    public let object: JSONObject
    public let components: [String: JSONObject]

    public init(_ object: JSONObject, components: [String: JSONObject] = [:]) {
        self.object = object
        self.components = components
    }

    /// A reference to a schema that the document lists under this name.
    static func named(
        _ name: String, _ object: JSONObject, _ others: [String: JSONObject]
    ) -> Schema {
        var components = others
        components[name] = object
        return Schema(
            ["$ref": .string("#/components/schemas/\(name)")], components: components)
    }

    func described(_ description: String) -> JSONObject {
        var copy = object
        copy["description"] = .string(description)
        return copy
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
