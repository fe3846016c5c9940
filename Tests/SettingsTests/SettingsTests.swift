import HTTPEndpoint
import Settings
import Testing
import Values

@Suite("Settings that cannot work, or would be unsafe, are refused by their name")
struct SettingsTests {
    /// The setting that is refused; `nil` if all are good.
    private func refused(_ settings: Settings, webhookSecret: Bool = true) -> String? {
        do {
            try settings.check(needsWebhookSecret: webhookSecret)
            return nil
        } catch {
            return "\(error)".split(separator: ":").first.map(String.init)
        }
    }

    private static var production: Settings {
        var settings = Settings()
        settings.environment = .production
        settings.jwtSecret = String(repeating: "j", count: 32)
        settings.tokenHashSecrets = [String(repeating: "t", count: 32)]
        settings.internalAPIKeys = [String(repeating: "k", count: 16)]
        settings.stripeSecretKey = "sk_live_1"
        settings.stripeWebhookSecrets = ["whsec_1"]
        settings.operatorSecrets = []
        return settings
    }

    typealias Change = @Sendable (inout Settings) -> Void

    @Test("Development works as it is, production with its own secrets")
    func good() {
        #expect(refused(Settings()) == nil)
        #expect(refused(Self.production) == nil)
        var withoutWebhook = Self.production
        withoutWebhook.stripeWebhookSecrets = []
        #expect(refused(withoutWebhook, webhookSecret: false) == nil)
        #expect(refused(withoutWebhook) == "STRIPE_WEBHOOK_SECRET")
    }

    private static let anywhere: [(String, Change)] = [
        ("DATABASE_URL", { $0.databaseURL = "sqlite:" }),
        ("DATABASE_URL", { $0.databaseURL = "sqlite::memory:" }),
        ("DATABASE_URL", { $0.databaseURL = "mysql://host/name" }),
        ("BROKER_URL", { $0.brokerURL = "kafka://host" }),
        ("INTERNAL_API_KEYS", { $0.internalAPIKeys = [] }),
        ("INTERNAL_API_KEYS", { $0.internalAPIKeys = ["key of words 0123"] }),
        ("INTERNAL_API_KEYS", { $0.internalAPIKeys = ["kéy-0123456789abc"] }),
        ("TOKEN_HASH_SECRETS", { $0.tokenHashSecrets = [] }),
        ("STRIPE_SECRET_KEY", { $0.stripeSecretKey = "pk_live_1" }),
        ("STRIPE_WEBHOOK_SECRET", { $0.stripeWebhookSecrets = ["whsec_1", "whsec_"] }),
        ("STRIPE_API_BASE", { $0.stripeAPIBase = "ftp://127.0.0.1" }),
        ("STRIPE_API_BASE", { $0.stripeAPIBase = "http://me:secret@127.0.0.1" }),
        ("SMTP_URL", { $0.smtpURL = "http://host" }),
        ("MAIL_FROM", { $0.mailFrom = "nobody" }),
        ("PUBLIC_URL", { $0.publicURL = "career.example.test" }),
        ("PUBLIC_URL", { $0.publicURL = "https://career.example.test/?a=b" }),
        ("PUBLIC_URL", { $0.publicURL = "https://career.example.test:65536" }),
        ("CORS_ORIGINS", { $0.corsOrigins = ["https://a.test", "https://A.test"] }),
        ("CORS_ORIGINS", { $0.corsOrigins = ["https://a.test/"] }),
        ("CORS_ORIGINS", { $0.corsOrigins = ["https://a.test:443"] }),
        ("CORS_ORIGINS", { $0.corsOrigins = ["*"] }),
        ("AUTH_ISSUER", { $0.authIssuer = "https://id.test" }),
        ("AUTH_AUDIENCE", { $0.authAudiences = ["a"] }),
        ("AUTH_ISSUER", { $0.authJWKS = "https://id.test/keys" }),
        ("AUTH_JWKS", { provider(&$0, "http://id.test/keys") }),
        ("AUTH_JWKS", { provider(&$0, "/no/such/file") }),
        (
            "AUTH_AUDIENCE_CLAIM",
            {
                provider(&$0, "https://id.test/keys")
                $0.authAudienceClaim = "sub"
            }
        ),
    ]

    private static func provider(_ settings: inout Settings, _ keys: String) {
        settings.authJWKS = keys
        settings.authIssuer = "https://id.test"
        settings.authAudiences = ["a"]
    }

    @Test("What is bad anywhere is refused in development and in production")
    func anywhere() {
        for (name, change) in Self.anywhere {
            for var settings in [Settings(), Self.production] {
                change(&settings)
                #expect(refused(settings) == name)
            }
        }
        var good = Self.production
        Self.provider(&good, "https://id.test/keys")
        #expect(refused(good) == nil)
    }

    @Test("Production refuses what everybody knows, what is short and what is sent openly")
    func production() {
        let cases: [(String, Change)] = [
            ("JWT_SECRET", { $0.jwtSecret = Settings.developmentJWTSecret }),
            ("JWT_SECRET", { $0.jwtSecret = String(repeating: "j", count: 31) }),
            (
                "TOKEN_HASH_SECRETS",
                {
                    $0.tokenHashSecrets.append(Settings.developmentTokenHashSecret)
                }
            ),
            ("TOKEN_HASH_SECRETS", { $0.tokenHashSecrets.append("short") }),
            (
                "INTERNAL_API_KEYS",
                {
                    $0.internalAPIKeys.append(Settings.developmentInternalKey)
                }
            ),
            ("INTERNAL_API_KEYS", { $0.internalAPIKeys.append("123456789012345") }),
            ("OPERATOR_SECRET", { $0.operatorSecrets = [String(repeating: "o", count: 31)] }),
            (
                "OPERATOR_SECRET",
                {
                    $0.operatorSecrets = [Settings.developmentOperatorSecret]
                }
            ),
            ("STRIPE_SECRET_KEY", { $0.stripeSecretKey = nil }),
            ("STRIPE_SECRET_KEY", { $0.stripeSecretKey = Settings.sandboxKey }),
            (
                "STRIPE_WEBHOOK_SECRET",
                {
                    $0.stripeWebhookSecrets.append(Settings.developmentWebhookSecret)
                }
            ),
            ("STRIPE_API_BASE", { $0.stripeAPIBase = "http://stripe.test" }),
            ("MAIL_FROM", { $0.smtpURL = "smtp://mail.test:25" }),
            ("TRUSTED_PROXIES", { $0.trustedProxies = [IPNetwork("0.0.0.0/0")!] }),
        ]
        for (name, change) in cases {
            var settings = Self.production
            change(&settings)
            #expect(refused(settings) == name)
        }
    }

    @Test("Development answers on loopback alone, and leaves the local Stripe a port")
    func development() {
        for (host, isGood) in [
            ("127.0.0.1", true), ("127.9.9.9", true), ("localhost", true), ("::1", true),
            ("0.0.0.0", false), ("::", false), ("127.example.test", false), ("127.0.0.1.", false),
        ] {
            var settings = Settings()
            settings.host = host
            #expect(refused(settings) == (isGood ? nil : "HOST"), "\(host)")
        }
        var settings = Settings()
        settings.port = 65_535
        #expect(refused(settings) == "PORT")
        settings.stripeSecretKey = "sk_test_1"
        #expect(refused(settings) == nil)
    }

    @Test("However settings are printed, no secret is told")
    func secrets() {
        let settings = Self.production
        var dumped = ""
        dump(settings, to: &dumped)
        for text in ["\(settings)", String(reflecting: settings), dumped] {
            #expect(!text.contains("jjjj") && !text.contains("sk_live"))
        }
    }
}

@Suite("A .env file is read as shells read it")
struct EnvironmentFileTests {
    @Test(
        "One line sets one variable",
        arguments: [
            ("A=1", "1"), ("  export A = 1  ", "1"), ("A=", ""), ("A=\"a b\" # why", "a b"),
            ("A='a\"b'", "a\"b"), ("A=a#b", "a#b"), ("A=a #b", "a"), ("A=#b", "#b"),
            ("A=\"a", "\"a"), ("A=\"a\"b", "\"a\"b"), ("A=b=c", "b=c"), ("A=1\r\nA=2", "2"),
        ])
    func line(text: String, value: String) {
        #expect(EnvironmentFile.parse(text)["A"] == value)
    }

    @Test("What sets nothing is passed over", arguments: ["", "A", "# A=1", "A B=1", "=1", "#A=1"])
    func nothing(text: String) {
        #expect(EnvironmentFile.parse(text).isEmpty)
    }
}
