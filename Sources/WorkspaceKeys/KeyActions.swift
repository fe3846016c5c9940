import APIKeys
import FoundationEssentials
import HTTPEndpoint
import Workspaces

/// The actions, for pages that do the same.
extension WorkspaceParts {
    package var listKeys: ListAPIKeys { ListAPIKeys(parts: self) }
    package var createKey: CreateAPIKey { CreateAPIKey(parts: self) }
    package var updateKey: UpdateAPIKey { UpdateAPIKey(parts: self) }
    package var revokeKey: RevokeAPIKey { RevokeAPIKey(parts: self) }
    package var rotateKey: RotateAPIKey { RotateAPIKey(parts: self) }

    /// One key, for a page of its own.
    ///
    /// - Throws: ``Problem`` 404 `key_not_found`.
    package func key(_ key: UUID, of id: UUID, by call: Call) async throws -> APIKeyResponse {
        let now = clock.now()
        return try await look(at: id, by: call) { _, connection in
            guard let row = try APIKeyRow.find(key, of: id, in: connection) else {
                throw Problem.keyNotFound
            }
            return APIKeyResponse(row, at: now)
        }
    }

    /// What keys are called, by their ids; of those alone that there are.
    package func keyNames(
        _ keys: [UUID], of id: UUID, by call: Call
    ) async throws -> [UUID: String] {
        try await look(at: id, by: call) { _, connection in
            let rows = try keys.compactMap { try APIKeyRow.find($0, of: id, in: connection) }
            return Dictionary(
                rows.map { ($0.id, "\($0.name) (\($0.prefix)…)") }, uniquingKeysWith: { $1 })
        }
    }
}
