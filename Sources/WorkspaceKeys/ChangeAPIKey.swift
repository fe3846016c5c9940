import APIKeys
import Database
import FoundationEssentials
import HTTPEndpoint
import JSON
import Values
import Workspaces

/// `PATCH /api/workspaces/{workspace_id}/api-keys/{key_id}`
package struct UpdateAPIKey: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "Change a key's name or limit",
        details: """
            For admins. What is left out stays. The limit is one for all that the key was rotated \
            from or to; null removes it.
            """,
        access: .workspaceAdmin, refusals: [.keyNotFound, .keyNotLive])

    package func read(_ input: inout InputReader) -> KeyChange {
        let (workspace, key) = (input.workspace(), input.key())
        return KeyChange(
            workspace: workspace, key: key, request: input.body(APIKeyChangeRequest.self))
    }

    package struct KeyChange: Sendable {
        let workspace: UUID
        let key: UUID
        let request: APIKeyChangeRequest

        package init(workspace: UUID, key: UUID, request: APIKeyChangeRequest) {
            self.workspace = workspace
            self.key = key
            self.request = request
        }
    }

    package func perform(
        _ change: KeyChange, _ call: Call
    ) async throws -> Reply<APIKeyResponse> {
        Reply(
            try await parts.decide(Self.self, on: change.workspace, by: call) { decision in
                let (key, request) = (try decision.liveKey(change.key), change.request)
                if let name = request.name {
                    try APIKeyRow.setName(name, of: key.id, in: decision.connection)
                }
                if request.changesLimit {
                    try APIKeyRow.setLimit(
                        request.creditLimit, ofFamily: key.familyID, of: change.workspace,
                        in: decision.connection)
                }
                let changed = try decision.key(change.key)
                if changed != key {
                    try decision.note(
                        .keyChanged, key.id, before: key.told, after: changed.told)
                }
                return APIKeyResponse(changed, at: decision.now)
            })
    }
}

/// What of a key is to change.
package struct APIKeyChangeRequest: JSONInput {
    package let name: String?
    let changesLimit: Bool
    let creditLimit: Credits?

    package static let schemaName = "APIKeyChange"
    package static let about = "What is to change; what is left out stays."

    package init(_ reader: inout ObjectReader) {
        name = reader.optional("name", .spaceName, "What it is called.")
        creditLimit = reader.optional(
            "credit_limit", .creditLimit, "Credits of a period; null removes the limit.")
        changesLimit = reader.mentions("credit_limit")
    }
}

/// `DELETE /api/workspaces/{workspace_id}/api-keys/{key_id}`
package struct RevokeAPIKey: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "Revoke a key",
        details: "For admins, at once and for good. What is revoked already stays so.",
        access: .workspaceAdmin, status: 204, refusals: [.keyNotFound])

    package func read(_ input: inout InputReader) -> (UUID, UUID) {
        (input.workspace(), input.key())
    }

    package func perform(
        _ input: (UUID, UUID), _ call: Call
    ) async throws -> Reply<MessageResponse> {
        let (id, keyID) = input
        try await parts.decide(Self.self, on: id, by: call) { [mails = parts.mails] decision in
            let key = try decision.key(keyID)
            guard key.revokedAt == nil else { return }
            try APIKeyRow.revoke(keyID, in: decision.connection, now: decision.now)
            try decision.note(.keyRevoked, keyID, before: key.told)
            try mails.key(.revoked, key, decision)
        }
        return .noContent
    }
}

/// `POST /api/workspaces/{workspace_id}/api-keys/{key_id}/rotate`
package struct RotateAPIKey: Action {
    let parts: WorkspaceParts

    package static let about = About(
        "Make a key that takes another's place",
        details: """
            For admins. The key before ends after the overlap, at once by default; both share \
            one limit. The new key is told once, in this answer.
            """,
        access: .activeWorkspaceAdmin, status: 201,
        refusals: [.keyNotFound, .keyNotLive, .tooManyKeys])

    package func read(_ input: inout InputReader) -> Rotation {
        let (workspace, key) = (input.workspace(), input.key())
        return Rotation(
            workspace: workspace, key: key, request: input.optionalBody(RotationRequest.self))
    }

    package struct Rotation: Sendable {
        let workspace: UUID
        let key: UUID
        let request: RotationRequest

        package init(workspace: UUID, key: UUID, request: RotationRequest) {
            self.workspace = workspace
            self.key = key
            self.request = request
        }
    }

    package func perform(
        _ rotation: Rotation, _ call: Call
    ) async throws -> Reply<NewAPIKeyResponse> {
        let made = try await parts.decide(Self.self, on: rotation.workspace, by: call) {
            [parts] decision in
            let old = try decision.liveKey(rotation.key)
            let secret = APIKeyText.make(isTest: old.isTest)
            // A key in its overlap has lost its own end; the newest of its family has it.
            let newest =
                try APIKeyRow.newest(
                    ofFamily: old.familyID, of: rotation.workspace, in: decision.connection)
                ?? old
            let end = decision.now.adding(seconds: rotation.request.overlap)
            try APIKeyRow.setExpiry(
                old.expiresAt.map { min($0, end) } ?? end, of: old.id, in: decision.connection,
                now: decision.now)
            try decision.requireRoomForKey()
            let key = old.next(
                secret, lasting: newest.lifetime, by: decision.caller, at: decision.now)
            try key.insert(
                hash: parts.secrets.hash(.apiKey, secret), in: decision.connection)
            try decision.note(
                .keyRotated, old.id, before: old.told,
                after: ["next_key": .string(key.id.text)])
            try parts.mails.key(.created, key, decision)
            return NewAPIKeyResponse(
                key: APIKeyResponse(key, at: decision.now), secret: secret)
        }
        return Reply(made, status: 201)
    }
}

extension APIKeyRow {
    /// Microseconds from when it was made to its end; `nil` for ever.
    fileprivate var lifetime: Int64? { expiresAt.map { $0.micros - createdAt.micros } }

    /// The key that takes this one's place.
    fileprivate func next(
        _ secret: String, lasting lifetime: Int64?, by user: UUID, at now: Timestamp
    ) -> APIKeyRow {
        APIKeyRow(
            id: .version7(at: now, randomness: .random(in: .min ... .max)),
            workspaceID: workspaceID, familyID: familyID, name: name,
            prefix: APIKeyText.prefix(of: secret), isTest: isTest, creditLimit: creditLimit,
            createdBy: user, createdAt: now,
            expiresAt: lifetime.map { now.adding(micros: $0) })
    }
}

/// How long the key before is good beside the new one.
package struct RotationRequest: JSONInput {
    let overlap: Int64

    package static let schemaName = "APIKeyRotation"
    package static let about = "How long both keys are good."

    package init(_ reader: inout ObjectReader) {
        overlap =
            reader.optional(
                "overlap_seconds", .integer(0...604_800), "Seconds; 0 if not given.") ?? 0
    }
}
