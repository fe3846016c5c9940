import Billing
import Configuration
import Foundation
import HTTPEndpoint
import Identity
import Logging
import RabbitMQ
import Stripe
import Subscriptions
import Tokens
import Users
import Values

/// The service's settings, read once at the start from the environment and, in development, from
/// a `.env` file. See `docs/reference/settings.md`.
public struct Settings: Sendable {
    public enum Environment: String, Sendable {
        case development
        case production
    }

    public var environment = Environment.development
    public var host = "127.0.0.1"
    public var port = 8080
    /// Where `cuebx worker` serves its metrics; `nil` where it serves nothing.
    public var workerMetricsPort: Int?
    /// Where the sandbox listens, in development without a Stripe key.
    public var sandboxPort = 8081
    public var databaseURL = "sqlite:var/cuebx.db"
    public var brokerURL = "embedded:"
    public var catalogPath = "catalog.json"
    public var jwtSecret = Settings.developmentJWTSecret
    /// The secrets of keyed hashes and sealed codes: the first writes, all are read.
    public var tokenHashSecrets = [Settings.developmentTokenHashSecret]
    public var internalAPIKeys = [Settings.developmentInternalKey]
    public var stripeSecretKey: String?
    public var stripeWebhookSecrets: [String] = []
    public var stripeAPIBase: String?
    public var smtpURL: String?
    public var mailFrom = "CueBX Career <career@localhost>"
    public var publicURL = "http://127.0.0.1:8080"
    public var corsOrigins: [String] = []
    public var pages = PageSettings()
    public var sale = SalePolicy()
    /// Seal what operators sign in with: the first writes, all are read; empty without a console.
    public var operatorSecrets = [Settings.developmentOperatorSecret]
    /// Another identity provider's keys: a URL or a file.
    public var authJWKS: String?
    public var authIssuer: String?
    /// Any of them is good.
    public var authAudiences: [String] = []
    /// The claim that names the audience in tokens that have no `aud`.
    public var authAudienceClaim = "aud"
    static let audienceClaims: Set<String> = ["aud", "azp", "client_id"]
    public var trustedProxies: [IPNetwork] = []
    /// Seconds.
    public var reservationTTL: Int64 = 15 * 60
    /// How long ago a call may have run that a tool server records afterwards, in seconds; none:
    /// off.
    public var recordWithin: Int64 = 0
    /// Seconds.
    public var pastDueGrace: Int64 = 3 * 86_400
    /// The logarithm to base 2 of the rounds of a password's hash. Development alone may lower it.
    public var passwordCost = PasswordHasher.standardExponent
    public var logLevel = Logger.Level.info

    public static let developmentJWTSecret = "dev-jwt-secret-change-me-0123456789abcdef"
    public static let developmentTokenHashSecret =
        "dev-token-hash-secret-change-me-0123456789"
    public static let developmentInternalKey = "dev-internal-key"
    /// The length of HS256's hash: a shorter key would be the weaker part (RFC 7518 §3.2).
    static let minimumJWTSecretBytes = 32
    static let minimumTokenHashSecretBytes = 32

    public init() {}

    public var isDevelopment: Bool { environment == .development }

    /// Where the service listens, as a URL: an IPv6 address stands in brackets (RFC 3986 §3.2.2).
    public var listenURL: String { "http://\(listenAddress)" }

    public var listenAddress: String { address(port: port) }

    /// The address of another port of the service's.
    public func address(port: Int) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// Whether this process is to start a sandbox of its own.
    public var usesSandbox: Bool {
        isDevelopment && stripeSecretKey == nil && stripeAPIBase == nil
    }

    public static let sandboxKey = "sk_test_sandbox"
    public static let developmentWebhookSecret = "whsec_development"

    /// Whether payments go to Stripe itself, not to a stand-in on this machine.
    package var hasRealStripe: Bool {
        guard stripeSecretKey != nil else { return false }
        guard let host = stripeAPIBase.flatMap({ URL(string: $0)?.host }) else { return true }
        return !Self.isLoopback(host)
    }
}

/// However a value that holds the settings is printed or logged, none of them is told.
extension Settings: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "Settings" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension Settings {
    /// Reads the process environment. A `.env` file in the working directory fills in what the
    /// environment does not set, in development only.
    ///
    /// - Parameter needsWebhookSecret: false for the command that has the secret made.
    public static func load(needsWebhookSecret: Bool = true) async throws -> Settings {
        let environment = EnvironmentVariablesProvider(
            environmentVariables: ProcessInfo.processInfo.environment.filter {
                $0.key == modeName || !$0.value.trimmingCharacters(in: whiteSpace).isEmpty
            })
        let mode = try mode(of: ConfigReader(provider: environment))
        guard mode == .development else {
            return try read(
                ConfigReader(provider: environment), mode, needsWebhookSecret: needsWebhookSecret)
        }
        let file = EnvironmentVariablesProvider(
            environmentVariables: try EnvironmentFile.read(path: ".env"))
        return try read(ConfigReader(providers: [environment, file]), mode)
    }

    private static let modeName = "CUEBX_ENV"

    private static func mode(of config: ConfigReader) throws -> Environment {
        let name = config.string(forKey: "cuebx.env", default: "development")
            .trimmingCharacters(in: whiteSpace)
        guard let mode = Environment(rawValue: name) else {
            throw SettingsError(modeName, "must be development or production")
        }
        return mode
    }

    static func read(
        _ config: ConfigReader, _ mode: Environment, needsWebhookSecret: Bool = true
    ) throws -> Settings {
        var settings = Settings()
        settings.environment = mode
        settings.host = try host(text(config, "host") ?? settings.host)
        settings.port = try integer(config, "port", "PORT", 8080, 0...65_535)
        if text(config, "worker.metrics.port") != nil {
            settings.workerMetricsPort = try integer(
                config, "worker.metrics.port", "WORKER_METRICS_PORT", 0, 1...65_535)
        }
        settings.sandboxPort = settings.port + 1
        settings.publicURL = settings.listenURL
        settings.databaseURL = text(config, "database.url") ?? settings.databaseURL
        settings.brokerURL = text(config, "broker.url") ?? settings.brokerURL
        settings.catalogPath = text(config, "catalog") ?? settings.catalogPath
        settings.jwtSecret = text(config, "jwt.secret") ?? settings.jwtSecret
        settings.tokenHashSecrets =
            list(config, "token.hash.secrets") ?? settings.tokenHashSecrets
        settings.internalAPIKeys = list(config, "internal.api.keys") ?? settings.internalAPIKeys
        settings.stripeSecretKey = text(config, "stripe.secret.key")
        settings.stripeWebhookSecrets = list(config, "stripe.webhook.secret") ?? []
        settings.stripeAPIBase = text(config, "stripe.api.base")
        settings.smtpURL = text(config, "smtp.url")
        settings.mailFrom = text(config, "mail.from") ?? settings.mailFrom
        settings.publicURL = text(config, "public.url") ?? settings.publicURL
        while settings.publicURL.hasSuffix("/") { settings.publicURL.removeLast() }
        settings.corsOrigins = list(config, "cors.origins") ?? []
        settings.pages = PageSettings.read(config)
        settings.sale = try SalePolicy(
            promotionCodes: text(config, "stripe.promotion.codes"),
            tax: text(config, "stripe.tax"), returnURL: settings.publicURL)
        let noSecrets = mode == .development ? settings.operatorSecrets : []
        settings.operatorSecrets = list(config, "operator.secret") ?? noSecrets
        settings.authJWKS = text(config, "auth.jwks")
        settings.authIssuer = text(config, "auth.issuer")
        settings.authAudiences = list(config, "auth.audience") ?? []
        settings.authAudienceClaim =
            text(config, "auth.audience.claim") ?? settings.authAudienceClaim
        settings.trustedProxies = try networks(config, "trusted.proxies", "TRUSTED_PROXIES")
        settings.reservationTTL = Int64(
            try integer(config, "reservation.ttl", "RESERVATION_TTL", 900, 1...86_400))
        settings.recordWithin = Int64(
            try integer(config, "record.within", "RECORD_WITHIN", 0, 0...86_400))
        settings.pastDueGrace = Int64(
            try integer(config, "past.due.grace", "PAST_DUE_GRACE", 259_200, 0...31_536_000))
        if mode == .development {
            settings.passwordCost = try integer(
                config, "password.cost", "PASSWORD_COST", settings.passwordCost,
                PasswordHasher.exponents)
        } else if text(config, "password.cost") != nil {
            throw SettingsError("PASSWORD_COST", "is for development only")
        }
        if let name = text(config, "log.level") { settings.logLevel = try level(named: name) }
        try settings.check(needsWebhookSecret: needsWebhookSecret)
        return settings
    }

    /// Where RabbitMQ is; `nil` for the embedded broker.
    public func rabbitMQ() throws -> RabbitMQURL? {
        guard brokerURL != "embedded:" else { return nil }
        do {
            return try RabbitMQURL(brokerURL)
        } catch {
            throw SettingsError("BROKER_URL", "\(error)")
        }
    }

    /// A level by its name in any case; many call `warning` `warn`.
    private static func level(named name: String) throws -> Logger.Level {
        let name = name.lowercased()
        if name == "warn" { return .warning }
        guard let known = Logger.Level(rawValue: name) else {
            let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw SettingsError("LOG_LEVEL", "must be one of \(levels)")
        }
        return known
    }

    /// A name or an address; an IPv6 address may stand in brackets.
    private static func host(_ text: String) throws -> String {
        let isBracketed = text.hasPrefix("[") && text.hasSuffix("]")
        let host = isBracketed ? String(text.dropFirst().dropLast()) : text
        var address = in6_addr()
        guard !host.contains(":") || inet_pton(AF_INET6, host, &address) == 1,
            !host.contains(where: { "[]/ ".contains($0) })
        else {
            throw SettingsError("HOST", "must be a name or an address, without a port")
        }
        return host
    }

    /// A value without the white space around it, such as the line end of a file that it came from;
    /// an empty one is the same as none.
    static func text(_ config: ConfigReader, _ key: ConfigKey) -> String? {
        let value = config.string(forKey: key)?.trimmingCharacters(in: whiteSpace)
        return value?.isEmpty == true ? nil : value
    }

    /// A byte order mark, which some editors begin a file with, is as invisible.
    private static let whiteSpace = CharacterSet.whitespacesAndNewlines.union(["\u{FEFF}"])

    static func list(_ config: ConfigReader, _ key: ConfigKey) -> [String]? {
        text(config, key)?.split(separator: ",")
            .map { $0.trimmingCharacters(in: whiteSpace) }
            .filter { !$0.isEmpty }
    }

    private static func networks(
        _ config: ConfigReader, _ key: ConfigKey, _ name: String
    ) throws -> [IPNetwork] {
        try (list(config, key) ?? []).map { text in
            guard let network = IPNetwork(text) else {
                throw SettingsError(
                    name, "\(text) is neither an address nor a network such as 10.0.0.0/8")
            }
            return network
        }
    }

    private static func integer(
        _ config: ConfigReader, _ key: ConfigKey, _ name: String, _ standard: Int,
        _ range: ClosedRange<Int>
    ) throws -> Int {
        guard let text = text(config, key) else { return standard }
        guard let value = Int(text), range.contains(value) else {
            throw SettingsError(
                name, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }
}
