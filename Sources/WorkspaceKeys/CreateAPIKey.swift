import APIKeys
import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Users
import Values
import Workspaces

/// `POST /api/workspaces/{workspace_id}/api-keys`
package struct CreateAPIKey: Action {
    let parts: WorkspaceParts

    /// Live keys of a workspace.
    static let maximumLive: Int64 = 50

    package static let about = About(
        "Make a key",
        details: "For admins. The key is told once, in this answer.",
        access: .activeWorkspaceAdmin, status: 201, refusals: [.tooManyKeys])

    package func read(_ input: inout InputReader) -> (UUID, NewAPIKeyRequest) {
        (input.workspace(), input.body(NewAPIKeyRequest.self))
    }

    package func perform(
        _ input: (UUID, NewAPIKeyRequest), _ call: Call
    ) async throws -> Reply<NewAPIKeyResponse> {
        let (id, request) = input
        let secret = APIKeyText.make(isTest: request.isTest)
        let key = try await parts.decide(Self.self, on: id, by: call) { [parts] decision in
            let own = UUID.version7(
                at: decision.now, randomness: .random(in: .min ... .max))
            let key = APIKeyRow(
                id: own, workspaceID: id, familyID: own, name: request.name,
                prefix: APIKeyText.prefix(of: secret), isTest: request.isTest,
                creditLimit: request.creditLimit, createdBy: decision.caller,
                createdAt: decision.now,
                expiresAt: request.expiresInDays.map {
                    decision.now.adding(seconds: $0 * 86_400)
                })
            try decision.requireRoomForKey()
            try key.insert(
                hash: parts.secrets.hash(.apiKey, secret), in: decision.connection)
            try decision.note(.keyCreated, own, after: key.told)
            try parts.mails.key(.created, key, decision)
            return key
        }
        return Reply(
            NewAPIKeyResponse(key: APIKeyResponse(key, at: key.createdAt), secret: secret),
            status: 201)
    }
}

extension WorkspaceDecision {
    /// - Throws: ``Problem`` 409 `too_many_keys`.
    func requireRoomForKey() throws {
        let live = try APIKeyRow.live(of: workspace.id, in: connection, now: now)
        guard live < CreateAPIKey.maximumLive else { throw Problem.tooManyKeys }
    }

    /// - Throws: ``Problem`` 404 `key_not_found`.
    func key(_ id: UUID) throws -> APIKeyRow {
        guard let key = try APIKeyRow.find(id, of: workspace.id, in: connection) else {
            throw Problem.keyNotFound
        }
        return key
    }

    /// - Throws: ``Problem`` 404 `key_not_found`, 409 `key_not_live`.
    func liveKey(_ id: UUID) throws -> APIKeyRow {
        let key = try key(id)
        guard key.state(at: now) == .live else { throw Problem.keyNotLive }
        return key
    }
}

extension InputReader {
    mutating func key() -> UUID { path("key_id", .uuid, "The key's id.") }
}

extension InputKind where Value == Credits {
    /// A limit of a key: a decimal string that is not negative.
    static var creditLimit: InputKind<Credits> {
        InputKind<String>.text(1...32).documented(["pattern": "^[0-9]+(\\.[0-9]{1,6})?$"])
            .satisfying("credits", "must be an amount of credits such as 25.00") {
                Credits(decimal: $0).map { $0 >= .zero } ?? false
            }
            .map(placeholder: .zero) { Credits(decimal: $0) ?? .zero }
    }
}

/// What a new key is to be.
package struct NewAPIKeyRequest: JSONInput {
    let name: String
    let isTest: Bool
    let expiresInDays: Int64?
    let creditLimit: Credits?

    package static let schemaName = "NewAPIKeyRequest"
    package static let about = "What the key is to be."

    package init(_ reader: inout ObjectReader) {
        name = reader.required("name", .spaceName, "What it is called.")
        isTest = reader.optional(
            "is_test_key", .bool, default: false, "Whether its calls are tests.")
        expiresInDays = reader.optional(
            "expires_in_days", .integer(1...365), "null or left out: it does not expire.")
        creditLimit = reader.optional(
            "credit_limit", .creditLimit, "Credits of a period; null or left out: no own limit.")
    }
}
