import Console
import HTTPEndpoint
import Identity
import Operators
import PageFrame
import Settings
import Subscriptions
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
        guard !settings.operatorSecrets.isEmpty else { return nil }
        return Operators(
            database: database, clock: clock,
            secrets: TokenHashSecrets(settings.operatorSecrets),
            throttle: AuthThrottle(
                secrets: TokenHashSecrets(settings.tokenHashSecrets),
                exemptsLoopback: settings.isDevelopment), passwords: passwords)
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
        let core = services.core
        let lock = UserLock(ledger: core.ledger, clock: core.clock)
        let commands = ConsoleParts.Commands(
            deactivate: { user, end in
                let payments: [ConsoleParts.SubscriptionEnd: DeactivateUser.Payment] = [
                    .periodEnd: .cancelAtPeriodEnd, .now: .cancelNow,
                ]
                _ = try await DeactivateUser(core) { (services.billing, services.apiBilling) }
                    .perform(user, payments[end] ?? .keep)
            },
            reactivate: { try await lock.setActive($0, true) },
            advance: Self.advance(clockAdvance(services)))
        endpoints = consoleRoutes(
            frame,
            ConsoleParts(
                operators: operators, career: services.career, ledger: core.ledger,
                broker: services.readiness.broker, reconciliation: services.reconciliation,
                refunds: services.refunds, commands: commands, words: frame.renderer.words))
    }

    private static func advance(
        _ clock: AdvanceClock?
    ) -> (@Sendable (Int64, Call) async throws -> Void)? {
        guard let clock else { return nil }
        return { _ = try await clock.perform(ClockAdvanceRequest(advanceSeconds: $0), $1) }
    }
}
