import HTTPEndpoint
import HTTPTypes
import JSON

/// What one operation of a batch is answered with.
package struct UsageOperationResult: Sendable {
    /// Why it could not be performed; `nil` if it was, whatever the decision.
    let refusal: Problem?
    private let answer: Answer

    var status: Int { answer.status }

    init(_ answer: Answer) {
        refusal = nil
        self.answer = answer
    }

    init(_ refusal: Problem) {
        self.refusal = refusal
        answer = Answer(refusal)
    }

    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("status")
        writer.integer(Int64(answer.status))
        if !answer.headers.isEmpty {
            writer.key("headers")
            writer.beginObject()
            for field in answer.headers {
                writer.key(field.name.rawName)
                writer.string(field.value)
            }
            writer.endObject()
        }
        writer.key("body")
        writer.value(written: answer.body)
        writer.endObject()
    }
}

package struct UsageBatchResponse: JSONOutput {
    let results: [UsageOperationResult]

    package static var schema: Schema { schema(of: UsageVerbs([])) }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("results")
        writer.beginArray()
        for result in results { result.write(to: &writer) }
        writer.endArray()
        writer.endObject()
    }

    package static func schema(of verbs: UsageVerbs) -> Schema {
        let result = resultSchema(verbs)
        return .named(
            verbs.prefix + "UsageBatchResponse",
            [
                "type": "object", "description": "The answers to the operations of a batch.",
                "properties": [
                    "results": [
                        "type": "array", "items": .object(result.object),
                        "description": "One for each operation, in their order.",
                    ]
                ],
                "required": ["results"],
            ], result.components)
    }

    private static func resultSchema(_ verbs: UsageVerbs) -> Schema {
        var bodies: [Schema] = []
        for case let schema? in verbs.all.map(\.endpoint.outputSchema)
        where !bodies.contains(where: { $0.object == schema.object }) {
            bodies.append(schema)
        }
        let body = Schema.anyOf(bodies + [Schema(["$ref": "#/components/schemas/Problem"])])
        return .named(
            verbs.prefix + "UsageOperationResult",
            [
                "type": "object", "description": "What the single call would be answered with.",
                "properties": [
                    "status": ["type": "integer", "description": "The status of the answer."],
                    "headers": [
                        "type": "object", "additionalProperties": ["type": "string"],
                        "description": """
                        `Retry-After`, `X-RateLimit-*`, `WWW-Authenticate` and \
                        `Preference-Applied`, those that the answer has; absent if it has none.
                        """,
                    ],
                    "body": .object(body.object),
                ],
                "required": ["status", "body"],
            ], body.components)
    }
}
