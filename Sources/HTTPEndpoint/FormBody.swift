import JSON

/// A form as browsers send it (WHATWG's `application/x-www-form-urlencoded`), and the JSON object
/// that it stands for, so that the kinds of input of an action read it.
package enum FormBody {
    static func isForm(_ headers: RequestHeaders) -> Bool {
        let type = (headers[.contentType] ?? "").prefix { $0 != ";" }
        return type.lowercased().filter { $0 != " " } == "application/x-www-form-urlencoded"
    }

    /// - Throws: ``Problem`` 400 for what is no form, or a field that is sent twice.
    package static func fields(_ bytes: [UInt8]) throws -> [String: [String]] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Problem.badRequest.with(detail: "The form is not UTF-8.")
        }
        let fields = try QueryString.parse(text[...])
        guard fields.values.allSatisfy({ $0.count == 1 }) else {
            throw Problem.badRequest.with(detail: "The form has a field twice.")
        }
        return fields
    }

    /// The fields as the schema has them: a form knows only texts, a box that is not ticked is not
    /// sent, and a field that was left empty has no value.
    package static func object(_ fields: [String: [String]], _ schema: Schema?) -> JSONObject {
        var object = JSONObject()
        for (name, property) in properties(of: schema) {
            guard let text = fields[name]?.first else { continue }
            let (type, isNullable) = kind(of: property)
            switch type {
            case "boolean": object[name] = .bool(text != "false")
            case _ where text.isEmpty: if isNullable { object[name] = .null }
            case "integer": object[name] = .number(text)
            default: object[name] = .string(text)
            }
        }
        return object
    }

    private static func properties(of schema: Schema?) -> [(key: String, value: JSONValue)] {
        guard let schema else { return [] }
        var object = schema.object
        if let name = object["$ref"]?.string?.split(separator: "/").last,
            let component = schema.components[String(name)]
        {
            object = component
        }
        return object["properties"]?.object?.members ?? []
    }

    private static func kind(of property: JSONValue) -> (type: String, isNullable: Bool) {
        guard let either = property["anyOf"]?.array else {
            return (property["type"]?.string ?? "string", false)
        }
        return (either.first?["type"]?.string ?? "string", true)
    }
}
