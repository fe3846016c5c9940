import Configuration
import Foundation
import PageFrame
import Stripe
import Values

/// What the settings say of the pages for people.
public struct PageSettings: Sendable {
    /// The largest logo, in bytes: pages are to stay small.
    static let maximumLogoBytes = 16 << 10
    private static let logoKinds = ["svg": "image/svg+xml", "png": "image/png"]
    /// With what a PNG file begins (PNG specification §5.2).
    private static let pngSignature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    public var brandName = "CueBX Career"
    /// `#rrggbb`.
    public var brandColor = "#3f4fd0"
    /// The path of an SVG or PNG file.
    public var brandLogo: String?
    public var supportEmail: String?
    public var termsURL: String?
    public var privacyURL: String?
    /// Whose pages may frame the prices.
    public var embedOrigins: [String] = []

    public init() {}

    static func read(_ config: ConfigReader) -> PageSettings {
        var pages = PageSettings()
        pages.brandName = Settings.text(config, "brand.name") ?? pages.brandName
        pages.brandColor = Settings.text(config, "brand.color") ?? pages.brandColor
        pages.brandLogo = Settings.text(config, "brand.logo")
        pages.supportEmail = Settings.text(config, "support.email")
        pages.termsURL = Settings.text(config, "terms.url")
        pages.privacyURL = Settings.text(config, "privacy.url")
        pages.embedOrigins = Settings.list(config, "embed.origins") ?? []
        return pages
    }

    /// - Throws: ``SettingsError`` for a colour or a logo that cannot be used.
    func brand() throws -> Brand {
        guard let color = Color(brandColor) else {
            throw SettingsError("BRAND_COLOR", "must be a colour such as #3f4fd0")
        }
        return Brand(
            name: brandName, color: color, logo: try brandLogo.map(logo),
            supportEmail: supportEmail, termsURL: termsURL, privacyURL: privacyURL)
    }

    private func logo(_ path: String) throws -> Brand.Logo {
        let suffix = path.split(separator: ".").last.map { $0.lowercased() } ?? ""
        guard let kind = Self.logoKinds[suffix],
            let data = FileManager.default.contents(atPath: path)
        else { throw SettingsError("BRAND_LOGO", "must be an SVG or PNG file that there is") }
        guard data.count <= Self.maximumLogoBytes else {
            throw SettingsError(
                "BRAND_LOGO", "has \(data.count) bytes, \(Self.maximumLogoBytes) at most")
        }
        guard suffix == "png" ? data.starts(with: Self.pngSignature) : isSVG(data) else {
            throw SettingsError("BRAND_LOGO", "is no \(suffix.uppercased()) file, by its content")
        }
        return Brand.Logo(bytes: Array(data), contentType: kind)
    }

    private func isSVG(_ data: Data) -> Bool {
        String(data: data, encoding: .utf8)?.contains("<svg") ?? false
    }
}

extension Settings {
    /// What the pages need of the settings.
    package func site() throws -> Site {
        Site(
            brand: try pages.brand(), publicURL: publicURL, isSecure: !isDevelopment,
            paymentOrigins: paymentOrigins, embedOrigins: pages.embedOrigins,
            pastDueGrace: pastDueGrace, signsInElsewhere: authJWKS != nil)
    }

    /// Where the forms that buy something lead: a browser stops them elsewhere.
    private var paymentOrigins: [String] {
        if stripe.apiBase == Stripe.stripeAPIBase {
            return ["https://checkout.stripe.com", "https://billing.stripe.com"]
        }
        guard let scheme = stripe.apiBase.range(of: "://") else { return [] }
        let host = stripe.apiBase[scheme.upperBound...].prefix { $0 != "/" }
        return [String(stripe.apiBase[..<scheme.upperBound] + host)]
    }
}
