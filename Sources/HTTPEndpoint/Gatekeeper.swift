/// Judges who may call what.
public protocol Gatekeeper: Sendable {
    /// Checks keys and tokens, and, unless the action decides on it, that the user is active.
    /// - Throws: ``Problem`` 401 or 403.
    func admit(_ call: inout Call, to access: Access) async throws
    /// Checks that the user is active.
    func confirmActive(_ caller: Caller) async throws
    /// Checks, after an action has failed, that the user is active still and that what the address
    /// names is there.
    func confirmStillThere(_ caller: Caller, _ call: Call, _ access: Access) async throws
}

extension Gatekeeper {
    package func confirmStillThere(
        _ caller: Caller, _ call: Call, _ access: Access
    ) async throws {
        try await confirmActive(caller)
    }
}
