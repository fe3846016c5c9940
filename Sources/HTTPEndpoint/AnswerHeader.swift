import JSON

/// A header that answers carry, for the document.
public struct AnswerHeader: Sendable {
    let name: String
    let description: String
    let schema: JSONObject
    /// Of the answers that have it; `nil` for all of them.
    let statuses: Set<Int>?
    /// Whether each of these has it.
    let isRequired: Bool

    /// A header with a whole number that answers of these statuses may have.
    public init(number name: String, on statuses: Set<Int>, _ description: String) {
        self.init(name, ["type": "integer"], on: statuses, isRequired: false, description)
    }

    /// A header with a text that answers of these statuses may have.
    public init(text name: String, on statuses: Set<Int>, _ description: String) {
        self.init(name, ["type": "string"], on: statuses, isRequired: false, description)
    }

    private init(
        _ name: String, _ schema: JSONObject, on statuses: Set<Int>?, isRequired: Bool,
        _ description: String
    ) {
        self.name = name
        self.schema = schema
        self.statuses = statuses
        self.isRequired = isRequired
        self.description = description
    }

    /// Those that any endpoint's answers have.
    static let ofAnyEndpoint: [AnswerHeader] = [
        AnswerHeader(
            "X-Request-ID", ["type": "string"], on: nil, isRequired: true,
            "Names the request in logs: the client's own name where it sent a decent one."),
        AnswerHeader(
            "WWW-Authenticate", ["type": "string"], on: [401], isRequired: true,
            "How to show who calls (RFC 6750)."),
        AnswerHeader(
            "Allow", ["type": "string"], on: [405], isRequired: true,
            "The methods that the address answers to."),
        AnswerHeader(
            number: "Retry-After", on: [429, 502, 503],
            "After how many seconds another try may be worth it."),
    ]

    func isOn(_ status: Int) -> Bool { statuses?.contains(status) ?? true }

    var json: JSONObject {
        var header: JSONObject = [
            "description": .string(description), "schema": .object(schema),
        ]
        if isRequired { header["required"] = .bool(true) }
        return header
    }

    /// The headers of an endpoint's answers of this status, as the document lists them: those of
    /// any endpoint by reference.
    static func json(of status: Int, _ about: About) -> JSONValue {
        let general: [(key: String, value: JSONValue)] = ofAnyEndpoint.filter { $0.isOn(status) }
            .map { header in
                let reference = JSONValue.string("#/components/headers/\(header.name)")
                return (key: header.name, value: JSONValue.object(["$ref": reference]))
            }
        let own: [(key: String, value: JSONValue)] = about.headers.filter { $0.isOn(status) }
            .map { (key: $0.name, value: JSONValue.object($0.json)) }
        return .object(JSONObject(general + own))
    }

    /// What the references lead to.
    static var components: JSONValue {
        .object(
            JSONObject(
                ofAnyEndpoint.map { (key: $0.name, value: JSONValue.object($0.json)) }))
    }
}
