import HTTPEndpoint

extension Problem {
    static let malformedAPIKey = Problem(
        400, "malformed_api_key", "Malformed API key",
        "The api_key is not written as an API key is.")
    /// One answer for a key that is unknown, revoked or expired.
    static let invalidAPIKey = Problem(
        401, "invalid_api_key", "Invalid API key", "The api_key is not a live key.")
    /// A workspace that there is not is answered alike.
    static let keyOfAnotherWorkspace = Problem(
        403, "key_of_another_workspace", "Another workspace's key",
        "The api_key is not a key of this client_id.")
    static let usageOfAnotherWorkspace = Problem(
        403, "usage_of_another_workspace", "Another workspace's usage",
        "This usage log belongs to another workspace.")
}
