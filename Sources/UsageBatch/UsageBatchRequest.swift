import HTTPEndpoint
import HTTPTypes
import JSON

/// The endpoints that an operation of a batch may name.
package struct UsageVerbs: Sendable {
    let all: [(name: String, endpoint: Endpoint)]

    /// Before the names of the batch's schemas, so that two products may have one.
    let prefix: String

    package init(_ endpoints: [Endpoint], prefix: String = "") {
        self.prefix = prefix
        all = endpoints.map { endpoint in
            (String(endpoint.path.split(separator: "/").last ?? ""), endpoint)
        }
    }

    /// - Throws: ``Problem`` 422 for what is no operation.
    func endpoint(of operation: JSONValue) throws(Problem) -> Endpoint {
        guard case .object(let object) = operation else {
            throw .invalid([FieldError(["body"], "must be an object", type: "object_type")])
        }
        let place = ["body", "op"]
        guard let op = object["op"] else {
            throw .invalid([FieldError(place, "is required", type: "missing")])
        }
        guard let found = all.first(where: { $0.name == op.string }) else {
            let names = all.map(\.name).joined(separator: ", ")
            throw .invalid([FieldError(place, "must be one of \(names)", type: "enum")])
        }
        return found.endpoint
    }
}

/// An operation of a batch as it was read. What is wrong with it is told in its place.
package struct UsageOperation: Sendable {
    /// What it names; `nil` if that is nothing.
    let endpoint: Endpoint?
    let work: Result<CallHandler.Work, any Error>
    private let token: String?
    private let preference: String?

    init(_ json: JSONValue, _ verbs: UsageVerbs) {
        token = json["token"]?.string
        preference = json["prefer"]?.string
        do {
            let endpoint = try verbs.endpoint(of: json)
            let source = InputReader.Source(
                path: [:], query: [:],
                headers: RequestHeaders.none.replacing(.prefer, with: preference), body: json,
                bytes: [])
            self.endpoint = endpoint
            work = Result { try endpoint.prepare(source) }
        } catch {
            endpoint = nil
            work = .failure(error)
        }
    }

    /// Why it is no operation; for one that names an endpoint the general word for it.
    var refusal: Problem {
        if case .failure(let problem as Problem) = work { return problem }
        return .invalidInput
    }

    /// Those of the single call: the batch's, with the operation's own token and preference.
    func headers(in batch: RequestHeaders) -> RequestHeaders {
        batch.replacing(.authorization, with: token.map { "Bearer \($0)" })
            .replacing(.prefer, with: preference)
    }
}

package struct UsageBatchRequest: JSONInput {
    package let operations: [UsageOperation]

    package static let about = "Calls of the internal API, to be answered together."

    package init(_ reader: inout ObjectReader) {
        self.init(&reader, UsageVerbs([]))
    }

    package init(_ reader: inout ObjectReader, _ verbs: UsageVerbs) {
        operations = reader.required(
            "operations",
            .list(ofAtMost: BatchUsageCalls.maximumOperations, verbs.operationSchema),
            "In the order in which those of one account are decided."
        ).map { UsageOperation($0, verbs) }
    }
}

extension UsageVerbs {
    /// The schema of an operation: one of those named after their verbs.
    fileprivate var operationSchema: Schema {
        .anyOf(all.map { name, endpoint in operationSchema(name, endpoint) })
    }

    /// The single call's body, and what a batch adds to it.
    private func operationSchema(_ name: String, _ endpoint: Endpoint) -> Schema {
        let body = endpoint.bodySchema ?? Schema([:])
        let access = endpoint.about.access
        var properties: JSONObject = [
            "op": ["const": .string(name), "description": "Which call it is."]
        ]
        if access.needsUser {
            properties["token"] = [
                "type": "string", "description": "The user's access token.",
            ]
        }
        if endpoint.parameters.contains(where: { $0["name"] == "prefer" }) {
            properties["prefer"] = [
                "type": "string", "description": "What the header `Prefer` says to the call.",
            ]
        }
        let added: JSONObject = [
            "type": "object", "properties": .object(properties), "required": ["op"],
        ]
        return .named(
            "\(prefix)Usage\(name.prefix(1).uppercased())\(name.dropFirst())Operation",
            [
                "description": .string("The call `\(name)` as an operation of a batch."),
                "allOf": [.object(body.object), .object(added)],
            ], body.components)
    }
}
