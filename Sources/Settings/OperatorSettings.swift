import Values

extension Settings {
    public static let developmentOperatorSecret = "dev-operator-secret-change-me-0123456789"
    static let minimumOperatorSecretBytes = 32

    /// Production has no console without a secret, and starts with none that everybody knows.
    func checkOperatorSecrets() throws {
        guard !operatorSecrets.contains(Self.developmentOperatorSecret) else {
            throw SettingsError("OPERATOR_SECRET", "has the development default")
        }
        let minimum = Self.minimumOperatorSecretBytes
        guard operatorSecrets.allSatisfy({ $0.utf8.count >= minimum }) else {
            throw SettingsError("OPERATOR_SECRET", "secrets must have at least \(minimum) bytes")
        }
    }
}
