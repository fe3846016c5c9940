import Foundation
import HTTPClient
import HTTPEndpoint
import Mail
import Stripe
import Values

/// Which settings cannot work, or would be unsafe: judged here alone, before anything is opened.
extension Settings {
    /// Names the first setting that is bad.
    ///
    /// - Parameter needsWebhookSecret: false for the command that has the secret made.
    package func check(needsWebhookSecret: Bool = true) throws {
        try checkDatabase()
        _ = try rabbitMQ()
        try checkKeys()
        try checkStripe()
        try checkMail()
        try checkAddresses()
        try checkProvider()
        try checkPages()
        guard environment == .production else { return try checkDevelopment() }
        try checkProduction()
        if needsWebhookSecret { try checkWebhookSecret() }
    }

    private func checkDevelopment() throws {
        guard Self.isLoopback(host) else {
            throw SettingsError("HOST", "development binds loopback addresses only")
        }
        guard !usesSandbox || port < 65_535 else {
            throw SettingsError(
                "PORT", "65535 leaves no port for the local Stripe, which takes the next one")
        }
    }

    private func checkDatabase() throws {
        let isFile = databaseURL.wholeMatch(of: /sqlite:(.+)/) != nil
        let isServer = databaseURL.wholeMatch(of: /postgres(ql)?:\/\/.+/) != nil
        guard isFile || isServer else {
            throw SettingsError(
                "DATABASE_URL",
                "must be sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE")
        }
        guard databaseURL != "sqlite::memory:" else {
            throw SettingsError("DATABASE_URL", "must name a file: memory is not durable")
        }
    }

    private func checkKeys() throws {
        guard !internalAPIKeys.isEmpty else {
            throw SettingsError("INTERNAL_API_KEYS", "is empty")
        }
        // Only these bytes are the same to every client and every proxy (RFC 9110 §5.5).
        guard internalAPIKeys.allSatisfy(Self.isVisibleASCII) else {
            throw SettingsError(
                "INTERNAL_API_KEYS", "keys must be of visible ASCII characters, without spaces")
        }
        guard !tokenHashSecrets.isEmpty else {
            throw SettingsError("TOKEN_HASH_SECRETS", "is empty")
        }
    }

    private func checkStripe() throws {
        if let stripeSecretKey, StripeMode(secretKey: stripeSecretKey) == nil {
            throw SettingsError(
                "STRIPE_SECRET_KEY", "must begin with sk_test_, sk_live_ or rk_")
        }
        let isSecret = { (text: String) in
            text.hasPrefix("whsec_") && text.utf8.count > 6 && Self.isVisibleASCII(text)
        }
        guard stripeWebhookSecrets.allSatisfy(isSecret) else {
            throw SettingsError("STRIPE_WEBHOOK_SECRET", "must begin with whsec_")
        }
        guard let stripeAPIBase else { return }
        let url = try Self.url(stripeAPIBase, "STRIPE_API_BASE")
        guard url.user == nil, url.password == nil, url.query == nil, url.fragment == nil else {
            throw SettingsError("STRIPE_API_BASE", "must be a scheme, a host and a port alone")
        }
        if url.scheme == "http" && environment == .production && !Self.isLoopback(url) {
            throw SettingsError("STRIPE_API_BASE", "must be https://, but for loopback addresses")
        }
    }

    private func checkMail() throws {
        if let smtpURL {
            do throws(SMTPError) {
                _ = try SMTPServer(url: smtpURL)
            } catch {
                throw SettingsError("SMTP_URL", "\(error)")
            }
        }
        guard Mailbox(mailFrom) != nil else {
            throw SettingsError("MAIL_FROM", "must be an address, or Name <address>")
        }
    }

    private func checkAddresses() throws {
        let url = try Self.url(publicURL, "PUBLIC_URL")
        guard url.user == nil, url.password == nil, url.query == nil, url.fragment == nil else {
            throw SettingsError("PUBLIC_URL", "must have no password, no query and no fragment")
        }
        for origin in corsOrigins where !Self.isOrigin(origin) {
            throw SettingsError(
                "CORS_ORIGINS",
                "\(origin) is no origin as browsers send it: scheme://host or scheme://host:port, "
                    + "in lower case, without a path and without the scheme's own port")
        }
    }

    private func checkPages() throws {
        _ = try pages.brand()
        for (name, text) in [("TERMS_URL", pages.termsURL), ("PRIVACY_URL", pages.privacyURL)] {
            if let text { _ = try Self.url(text, name) }
        }
        if let address = pages.supportEmail, Mailbox(address) == nil || address.contains("<") {
            throw SettingsError("SUPPORT_EMAIL", "must be an address")
        }
        for origin in pages.embedOrigins where !Self.isOrigin(origin) {
            throw SettingsError("EMBED_ORIGINS", "\(origin) is no origin as browsers send it")
        }
    }

    private func checkProvider() throws {
        guard let authJWKS else {
            if authIssuer != nil { throw SettingsError("AUTH_ISSUER", "needs AUTH_JWKS") }
            if !authAudiences.isEmpty { throw SettingsError("AUTH_AUDIENCE", "needs AUTH_JWKS") }
            return
        }
        guard authIssuer != nil else { throw SettingsError("AUTH_ISSUER", "is missing") }
        guard !authAudiences.isEmpty else { throw SettingsError("AUTH_AUDIENCE", "is missing") }
        guard Self.audienceClaims.contains(authAudienceClaim) else {
            throw SettingsError("AUTH_AUDIENCE_CLAIM", "must be aud, azp or client_id")
        }
        if authJWKS.contains("://") {
            let url = try Self.url(authJWKS, "AUTH_JWKS")
            // Whoever can change the keys on their way can be any user.
            guard url.scheme == "https" || Self.isLoopback(url) else {
                throw SettingsError("AUTH_JWKS", "must be https://, but for loopback addresses")
            }
        } else if FileManager.default.contents(atPath: authJWKS) == nil {
            throw SettingsError("AUTH_JWKS", "is neither a URL nor a file that can be read")
        }
    }

    /// What works in development by itself must not work here: everybody knows it.
    private func checkProduction() throws {
        guard jwtSecret != Self.developmentJWTSecret else {
            throw SettingsError("JWT_SECRET", "is missing, or is the development default")
        }
        if let flaw = jwtSecretFlaw { throw SettingsError("JWT_SECRET", flaw) }
        try checkTokenHashSecrets()
        try checkOperatorSecrets()
        guard !internalAPIKeys.contains(Self.developmentInternalKey) else {
            throw SettingsError("INTERNAL_API_KEYS", "is missing, or has the development default")
        }
        guard internalAPIKeys.allSatisfy({ $0.utf8.count >= 16 }) else {
            throw SettingsError("INTERNAL_API_KEYS", "keys must have at least 16 bytes")
        }
        guard let stripeSecretKey else { throw SettingsError("STRIPE_SECRET_KEY", "is missing") }
        guard stripeSecretKey != Self.sandboxKey else {
            throw SettingsError("STRIPE_SECRET_KEY", "is the local Stripe's")
        }
        guard smtpURL == nil || mailFrom != Settings().mailFrom else {
            throw SettingsError("MAIL_FROM", "is missing, or is the development default")
        }
        // Whoever may forward any address may be anybody to the throttles.
        if let network = trustedProxies.first(where: \.isTooWideToTrust) {
            throw SettingsError(
                "TRUSTED_PROXIES", "\(network) is wider than any network of one owner's proxies")
        }
    }

    private func checkTokenHashSecrets() throws {
        guard !tokenHashSecrets.contains(Self.developmentTokenHashSecret) else {
            throw SettingsError("TOKEN_HASH_SECRETS", "is missing, or has the development default")
        }
        let minimum = Self.minimumTokenHashSecretBytes
        guard tokenHashSecrets.allSatisfy({ $0.utf8.count >= minimum }) else {
            throw SettingsError(
                "TOKEN_HASH_SECRETS", "secrets must have at least \(minimum) bytes")
        }
    }

    private func checkWebhookSecret() throws {
        guard !stripeWebhookSecrets.isEmpty else {
            throw SettingsError("STRIPE_WEBHOOK_SECRET", "is missing")
        }
        guard !stripeWebhookSecrets.contains(Self.developmentWebhookSecret) else {
            throw SettingsError("STRIPE_WEBHOOK_SECRET", "has the development default")
        }
    }

    /// What makes `JWT_SECRET` weak. Production refuses it, development warns.
    public var jwtSecretFlaw: String? {
        let bytes = jwtSecret.utf8.count
        guard bytes < Self.minimumJWTSecretBytes else { return nil }
        return "must have at least \(Self.minimumJWTSecretBytes) bytes, has \(bytes)"
    }

    /// A URL of the web. Its text is not told: it may hold a password.
    private static func url(_ text: String, _ name: String) throws -> URLComponents {
        guard isVisibleASCII(text), let url = URLComponents(string: text),
            ["http", "https"].contains(url.scheme), let host = url.host, !host.isEmpty,
            url.port.map({ (0...65_535).contains($0) }) ?? true
        else { throw SettingsError(name, "must be a URL such as https://host.example") }
        return url
    }

    private static func isVisibleASCII(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    /// Whether a browser could send the text as `Origin` (RFC 6454 §6.2): the comparison is of
    /// bytes.
    private static func isOrigin(_ text: String) -> Bool {
        let form = /([a-z][a-z0-9+.\-]*):\/\/([a-z0-9._\-]+|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?/
        guard let match = text.wholeMatch(of: form) else { return false }
        guard let port = match.3 else { return true }
        let ownPort = ["http": 80, "https": 443][String(match.1)]
        return Int(port).map { $0 <= 65_535 && $0 != ownPort } ?? false
    }

    private static func isLoopback(_ url: URLComponents) -> Bool {
        isLoopback((url.host ?? "").trimmingCharacters(in: ["[", "]"]))
    }

    static func isLoopback(_ host: String) -> Bool {
        var address = in_addr()
        return host == "localhost" || host == "::1"
            || host.hasPrefix("127.") && inet_pton(AF_INET, host, &address) == 1
    }
}
