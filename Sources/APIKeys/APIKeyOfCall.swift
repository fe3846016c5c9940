/// How a call's key is found. The ledger runs these with the batch that decides on the call, so
/// that a key costs no trip of its own and a revocation binds the next decision.
package enum APIKeyOfCall {
    private static let columns = """
        id, workspace_id, family_id, is_test,
        CASE WHEN revoked_at IS NULL THEN 0 ELSE 1 END, expires_at, credit_limit
        """

    /// Of a key's keyed hash.
    package static var byHash: String {
        "SELECT \(columns) FROM workspace_api_keys WHERE key_hash = ?"
    }

    /// Of a key's id.
    package static var byID: String { "SELECT \(columns) FROM workspace_api_keys WHERE id = ?" }
}
