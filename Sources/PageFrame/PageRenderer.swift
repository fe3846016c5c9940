import Crypto
import FoundationEssentials
import HTTPEndpoint
import HTTPTypes
import JSON
import Values

/// Puts a page's template into the layout, and the headers of all pages around it.
package struct PageRenderer: Sendable {
    package let site: Site
    package let templates: Templates
    package let stylesheet: [UInt8]
    let isDevelopment: Bool
    private(set) var realm: Realm
    /// Named by its hash, so that browsers may keep it for good.
    package let stylesheetPath: String
    private var footer: JSONObject

    package static let iconPath = "/assets/icon.svg"
    package static let logoPath = "/assets/logo"

    package var words: Words { templates.words }

    init(_ site: Site, _ templates: Templates, isDevelopment: Bool, realm: Realm) {
        self.realm = realm
        self.site = site
        self.templates = templates
        self.isDevelopment = isDevelopment
        let brand = site.brand
        stylesheet = Array(brand.stylesheet(EmbeddedTemplates.stylesheet).utf8)
        let hash = SHA256.hash(data: stylesheet).prefix(6).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        stylesheetPath = "/assets/pages-\(hash.joined()).css"
        footer = [
            "lang": .string(templates.words.language), "brand": .string(brand.name),
            "style": .string(stylesheetPath), "icon": .string(Self.iconPath),
            "logo": brand.logo == nil ? .null : .string(Self.logoPath),
            "terms": .text(brand.termsURL), "privacy": .text(brand.privacyURL),
            "support": .text(brand.supportEmail), "is_development": .bool(isDevelopment),
            "signs_in_here": .bool(!site.signsInElsewhere),
        ]
        name(realm)
    }

    private init(_ other: PageRenderer, _ realm: Realm) {
        self = other
        self.realm = realm
        name(realm)
    }

    /// The same for the pages of another realm.
    func of(_ realm: Realm) -> PageRenderer { PageRenderer(self, realm) }

    private mutating func name(_ realm: Realm) {
        footer["is_console"] = .bool(realm.isConsole)
        footer["home"] = .string(realm.home)
        footer["front"] = .string(realm.isConsole ? realm.home : "/")
        footer["signout"] = .string(realm.signOut)
        footer["home_html"] = .string(words.html("layout.\(realm.name)"))
        footer["side_label_html"] = .string(words.html("layout.\(realm.name).sides"))
    }

    /// What the frame knows of a page beside what the page says itself.
    struct Setting {
        var status = 200
        var token: String?
        var notice: String?
        var isSignedIn = false
        var isRefused = false
        var zone = ReaderZone.utc.name
        var hiddenSides: Set<String> = []
    }

    func answer(
        _ values: JSONObject, _ about: AboutPage, _ setting: Setting
    ) throws -> Answer {
        var inner = footer
        for member in values.members { inner[member.key] = member.value }
        inner["form_token"] = .text(setting.token)
        inner["is_signed_in"] = .bool(setting.isSignedIn)
        inner["is_embedded"] = .bool(about.isEmbeddable)
        let main = try templates.render(about.template, inner)
        let title = words.html("title.\(about.template)", values.texts)
        var outer = footer
        outer["form_token"] = .text(setting.token)
        outer["is_signed_in"] = .bool(setting.isSignedIn)
        outer["title_html"] = .string(title)
        outer["main_html"] = .string(main)
        outer["is_refused"] = .bool(setting.isRefused)
        outer["is_indexed"] = .bool(about.isIndexed && setting.status == 200)
        outer["is_embedded"] = .bool(about.isEmbeddable)
        outer["is_narrow"] = .bool(Self.narrow.contains(about.template))
        outer["notice_html"] = .text(setting.notice)
        outer["side"] =
            about.access == .user
            ? side(about.side ?? about.template, but: setting.hiddenSides) : .null
        // What is private has dates of somebody's own.
        outer["zone_html"] =
            about.access == .user && !realm.isConsole
            ? .string(words.html("layout.zone", ["zone": setting.zone])) : .null
        outer["at_home"] = .bool(about.access == .user)
        outer["at_\(about.template)"] = true
        let html = try templates.render("layout", outer)
        return Answer(
            status: setting.status, contentType: "text/html; charset=utf-8",
            body: Array(html.utf8), headers: headers(about))
    }

    /// Pages of one question.
    private static let narrow: Set = [
        "signup", "verify", "resend", "signin", "reset", "reset_confirm", "enter", "signout",
        "cancel",
        "delete", "delete_result", "error", "console_signin", "invitation", "space_confirm",
    ]

    private func side(_ template: String, but hidden: Set<String>) -> JSONValue {
        let current = realm.homes[template] ?? template
        let items = realm.sides.filter { !hidden.contains($0.name) }.map { side -> JSONValue in
            [
                "href": .string(side.path),
                "label_html": .string(words.html("side.\(side.name)")),
                "is_current": .bool(side.name == current),
            ]
        }
        return ["items": .array(items)]
    }

    /// No script, nothing from elsewhere, no frame around it but where the prices are embedded.
    func headers(_ about: AboutPage) -> HTTPFields {
        let framers = about.isEmbeddable ? site.embedOrigins : []
        let ancestors = framers.isEmpty ? "'none'" : framers.joined(separator: " ")
        let targets = ["'self'"] + site.paymentOrigins
        var headers = HTTPFields()
        headers[.contentSecurityPolicy] = """
            default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
            form-action \(targets.joined(separator: " ")); frame-ancestors \(ancestors)
            """
        // Not `no-referrer`: forms would then come from the origin `null`.
        headers[.referrerPolicy] = "same-origin"
        headers[.crossOriginOpenerPolicy] = "same-origin"
        if !about.isEmbeddable { headers[.crossOriginResourcePolicy] = "same-origin" }
        if !about.isIndexed { headers[.xRobotsTag] = "noindex" }
        if site.isSecure { headers[.strictTransportSecurity] = "max-age=31536000" }
        return headers
    }
}

extension JSONObject {
    /// The members that are texts.
    var texts: [String: String] {
        Dictionary(
            members.compactMap { member in member.value.string.map { (member.key, $0) } },
            uniquingKeysWith: { $1 })
    }
}
