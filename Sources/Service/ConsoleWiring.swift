import Console
import HTTPEndpoint
import Identity
import Operators
import PageFrame
import Tokens
import Users

extension CareerCore {
    /// - Throws: `OperatorAdministration.Refusal` without `OPERATOR_SECRET`.
    public func operatorAdministration() throws -> OperatorAdministration {
        try OperatorAdministration(
            operators(PasswordHasher(exponent: settings.passwordCost)),
            issuer: settings.pages.brandName)
    }

    /// The operators; `nil` without `OPERATOR_SECRET`.
    func operators(_ passwords: PasswordHasher) -> Operators? {
        settings.operatorKeys.map { keys in
            Operators(
                database: database, clock: clock, secrets: keys,
                throttle: AuthThrottle(
                    secrets: TokenHashSecrets(settings.tokenHashSecrets),
                    exemptsLoopback: settings.isDevelopment),
                passwords: passwords)
        }
    }
}

/// The console with its frame.
struct ConsoleSite: Sendable {
    let frame: SitePageFrame
    let endpoints: [Endpoint]

    /// - Parameter frame: of the other pages.
    /// - Returns: `nil` without `OPERATOR_SECRET`: then its addresses do not exist.
    init?(_ services: CareerServices, _ frame: SitePageFrame) {
        guard let operators = services.core.operators(services.identity.passwords) else {
            return nil
        }
        let frame = frame.of(ConsoleParts.realm(operators))
        self.frame = frame
        endpoints = consoleRoutes(
            frame, ConsoleParts(operators: operators, words: frame.renderer.words))
    }

    /// The frame of the page at an address.
    func owns(_ path: String) -> Bool { path == "/console" || path.hasPrefix("/console/") }
}
