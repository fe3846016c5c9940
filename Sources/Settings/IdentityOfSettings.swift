import Identity
import Users

extension Settings {
    /// What users and their sessions need of the settings.
    package func identity(
        _ secrets: TokenHashSecrets, _ installation: InstallationSecret
    ) -> IdentitySettings {
        var provider: IdentitySettings.Provider?
        if let authJWKS, let authIssuer, !authAudiences.isEmpty {
            provider = IdentitySettings.Provider(
                issuer: authIssuer, jwks: authJWKS, audiences: Set(authAudiences),
                audienceClaim: authAudienceClaim)
        }
        return IdentitySettings(
            tokenHashSecrets: secrets, installation: installation, passwordCost: passwordCost,
            jwtSecret: jwtSecret,
            internalAPIKeys: internalAPIKeys, provider: provider,
            exemptsLoopback: isDevelopment)
    }
}
