import JSON

/// The OpenAPI 3.1 document of a list of endpoints. Everything in it comes from the declarations
/// that also route, decode and validate.
public struct OpenAPIDocument: Sendable {
    public let json: JSONValue

    public init(
        title: String, version: String, description: String,
        servers: [(url: String, description: String)], tags: [(String, String)],
        endpoints: [Endpoint]
    ) {
        var components: [String: JSONObject] = ["Problem": Self.problemSchema]
        var paths = JSONObject()
        for endpoint in endpoints {
            components.merge(endpoint.outputSchema?.components ?? [:]) { first, _ in first }
            components.merge(endpoint.bodySchema?.components ?? [:]) { first, _ in first }
            components.merge(endpoint.parameterComponents) { first, _ in first }
            var item = paths[endpoint.path]?.object ?? JSONObject()
            item[endpoint.method.rawValue.lowercased()] = Self.operation(endpoint)
            paths[endpoint.path] = .object(item)
        }
        let schemas = components.sorted { $0.key < $1.key }
            .map { (key: $0.key, value: JSONValue.object($0.value)) }
        json = [
            "openapi": "3.1.0",
            "info": [
                "title": .string(title), "version": .string(version),
                "description": .string(description),
            ],
            "servers": .array(
                servers.map { ["url": .string($0.url), "description": .string($0.description)] }),
            "tags": .array(tags.map { ["name": .string($0.0), "description": .string($0.1)] }),
            "paths": .object(paths),
            "components": [
                "schemas": .object(JSONObject(schemas)),
                "headers": AnswerHeader.components,
                "securitySchemes": [
                    "user": ["type": "http", "scheme": "bearer", "bearerFormat": "JWT"],
                    "internalKey": [
                        "type": "apiKey", "in": "header", "name": "X-Internal-API-Key",
                    ],
                ],
            ],
        ]
    }

    private static func operation(_ endpoint: Endpoint) -> JSONValue {
        let about = endpoint.about
        var operation: JSONObject = [
            "operationId": .string(endpoint.name), "tags": [.string(endpoint.tag)],
            "summary": .string(about.summary),
        ]
        if !about.details.isEmpty { operation["description"] = .string(about.details) }
        if !endpoint.parameters.isEmpty { operation["parameters"] = .array(endpoint.parameters) }
        if let body = endpoint.bodySchema {
            operation["requestBody"] = [
                "required": .bool(endpoint.bodyIsRequired),
                "content": ["application/json": ["schema": .object(body.object)]],
            ]
        }
        operation["security"] = security(about.access)
        operation["responses"] = .object(responses(endpoint))
        return .object(operation)
    }

    private static func security(_ access: Access) -> JSONValue {
        var schemes = JSONObject()
        if access.needsUser { schemes["user"] = [] }
        if access.needsInternalKey { schemes["internalKey"] = [] }
        return schemes.members.isEmpty ? [] : [.object(schemes)]
    }

    private static func responses(_ endpoint: Endpoint) -> JSONObject {
        var responses = JSONObject()
        let schema = endpoint.outputSchema?.object ?? ["type": "string"]
        let answer = JSONValue.object([endpoint.contentType: ["schema": .object(schema)]])
        if endpoint.about.status == 204 {
            responses["204"] = [
                "description": "Done; there is nothing to tell.",
                "headers": AnswerHeader.json(of: 204, endpoint.about),
            ]
        } else {
            var success: JSONObject = [
                "description": "Success.", "content": answer,
                "headers": AnswerHeader.json(of: endpoint.about.status, endpoint.about),
            ]
            if !endpoint.about.links.isEmpty { success["links"] = links(endpoint.about) }
            responses[String(endpoint.about.status)] = .object(success)
        }
        for decision in endpoint.about.decisions {
            responses[String(decision.status)] = [
                "description": .string(decision.meaning), "content": answer,
                "headers": AnswerHeader.json(of: decision.status, endpoint.about),
            ]
        }
        for (status, problems) in refusals(endpoint) where responses[String(status)] == nil {
            let codes = problems.map { "`\($0.code)`: \($0.title)" }
            responses[String(status)] = [
                "description": .string(codes.joined(separator: "; ")),
                "headers": AnswerHeader.json(of: status, endpoint.about),
                "content": [
                    "application/problem+json": [
                        "schema": ["$ref": "#/components/schemas/Problem"]
                    ]
                ],
            ]
        }
        return responses
    }

    private static func links(_ about: About) -> JSONValue {
        .object(
            JSONObject(
                about.links.map { link in
                    let value = JSONValue.string("$response.body#\(link.pointer)")
                    return (
                        key: link.endpoint,
                        value: [
                            "operationId": .string(link.endpoint),
                            "description": .string(link.description),
                            "parameters": .object(
                                JSONObject([(key: link.parameter, value: value)])),
                        ]
                    )
                }))
    }

    /// The endpoint's own refusals and those that its input and access bring with them.
    private static func refusals(_ endpoint: Endpoint) -> [(Int, [Problem])] {
        var problems = endpoint.about.refusals
        if endpoint.about.access != .open {
            problems += [.unauthorized]
            if endpoint.about.access.needsUser { problems += [.accountDeactivated] }
            problems += endpoint.about.access.resource?.refusals ?? []
        }
        // The address, not the operation, answers these two.
        if endpoint.path.contains("{") { problems += [.notFound] }
        problems += [.methodNotAllowed, .requestTimeout, .badRequest, .tooLarge]
        if endpoint.bodySchema != nil {
            problems += [.malformedJSON, .unsupportedMediaType]
        }
        if endpoint.bodySchema != nil || !endpoint.parameters.isEmpty {
            problems += [.invalidInput]
        }
        problems += [.overloaded, .databaseUnavailable, .internalError]
        return Dictionary(grouping: problems, by: \.status).sorted { $0.key < $1.key }
            .map { ($0.key, $0.value) }
    }

    private static let problemSchema: JSONObject = [
        "type": "object",
        "description": "A refusal (RFC 9457).",
        "properties": [
            "type": ["type": "string"],
            "title": ["type": "string", "description": "What kind of refusal this is."],
            "status": ["type": "integer"],
            "detail": ["type": "string", "description": "One sentence on this refusal."],
            "code": ["type": "string", "description": "Stable, for programs."],
            "errors": [
                "type": "array",
                "description": "All that is wrong with the input; only with status 422.",
                "items": [
                    "type": "object",
                    "properties": [
                        "loc": ["type": "array", "items": ["type": "string"]],
                        "msg": ["type": "string"],
                        "type": ["type": "string"],
                    ],
                    "required": ["loc", "msg", "type"],
                ],
            ],
        ],
        "required": ["type", "title", "status", "detail", "code"],
    ]
}

extension Problem {
    public static let unauthorized = Problem(
        401, "unauthorized", "Unauthorized", "Sign in and send a valid access token.")
    public static let invalidInternalKey = Problem(
        401, "invalid_internal_key", "Invalid internal key",
        "Send a valid key in X-Internal-API-Key.")
    public static let accountDeactivated = Problem(
        403, "account_deactivated", "Account deactivated", "This account has been deactivated.")
}
