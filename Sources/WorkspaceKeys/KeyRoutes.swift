import HTTPEndpoint
import Workspaces

/// The addresses of a workspace's keys.
package func workspaceKeyRoutes(_ parts: WorkspaceParts) -> [Endpoint] {
    let (tag, keys) = ("Workspaces", "/api/workspaces/{workspace_id}/api-keys")
    return [
        Endpoint(.get, keys, tag: tag, ListAPIKeys(parts: parts)),
        Endpoint(.post, keys, tag: tag, CreateAPIKey(parts: parts)),
        Endpoint(.patch, keys + "/{key_id}", tag: tag, UpdateAPIKey(parts: parts)),
        Endpoint(.delete, keys + "/{key_id}", tag: tag, RevokeAPIKey(parts: parts)),
        Endpoint(.post, keys + "/{key_id}/rotate", tag: tag, RotateAPIKey(parts: parts)),
    ]
}

extension Problem {
    static let keyNotFound = Problem(
        404, "key_not_found", "No such key", "The workspace has no such key.")
    static let keyNotLive = Problem(
        409, "key_not_live", "Key not live", "The key was revoked or has expired.")
    static let tooManyKeys = Problem(
        409, "too_many_keys", "Too many keys", "The workspace has 50 live keys; revoke one first.")
}
