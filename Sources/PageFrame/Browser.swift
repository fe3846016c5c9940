import HTTPEndpoint
import HTTPTypes

/// The cookies of our own that a browser has sent, and how new ones are set.
///
/// Over TLS their names begin with `__Host-` (RFC 6265bis §4.1.3): no other host and no plain
/// connection can set them. Development speaks plain HTTP, where browsers refuse such names.
package struct Cookies: Sendable {
    package enum Name: String, CaseIterable {
        /// Finds the session of who is signed in.
        case session = "cuebx_session"
        /// Finds the session of an operator in the console.
        case console = "cuebx_console"
        /// Tells browsers apart before anybody is signed in, for the tokens of forms alone.
        case visit = "cuebx_visit"
        /// The key of what the next page says once.
        case notice = "cuebx_notice"
    }

    /// Cookies of one request that are looked at.
    private static let maximumPairs = 64

    private var values: [String: String]
    private let isSecure: Bool

    package init(_ headers: RequestHeaders, isSecure: Bool) {
        self.isSecure = isSecure
        var values: [String: String] = [:]
        for pair in (headers[.cookie] ?? "").split(separator: ";").prefix(Self.maximumPairs) {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let name = String(parts[0].drop { $0 == " " })
            // The first is of the narrowest path, and so ours.
            if values[name] == nil { values[name] = String(parts[1]) }
        }
        self.values = values
    }

    package subscript(name: Name) -> String? { values[Self.fullName(name, isSecure)] }

    /// These, with another value in the place of one.
    func with(_ name: Name, _ value: String) -> Cookies {
        var others = self
        others.values[Self.fullName(name, isSecure)] = value
        return others
    }

    private static func fullName(_ name: Name, _ isSecure: Bool) -> String {
        (isSecure ? "__Host-" : "") + name.rawValue
    }

    /// - Parameter seconds: how long the browser keeps it; `nil` as long as it runs, 0 no longer.
    package static func field(
        _ name: Name, _ value: String, seconds: Int64? = nil, isSecure: Bool
    ) -> HTTPField {
        var text = "\(fullName(name, isSecure))=\(value); Path=/; HttpOnly; SameSite=Lax"
        if isSecure { text += "; Secure" }
        if let seconds { text += "; Max-Age=\(seconds)" }
        return HTTPField(name: .setCookie, value: text)
    }
}

/// Where a form came from, as far as browsers tell.
package enum FormOrigin {
    /// Whether the form is of another site. What tells nothing is no browser of today, and the
    /// form's token is asked for all the same.
    package static func isForeign(_ headers: RequestHeaders, publicURL: String) -> Bool {
        if let origin = headers[.origin] {
            return origin.lowercased() != Self.origin(of: publicURL)
                && authority(of: origin) != (headers[.host] ?? "").lowercased()
        }
        guard let site = headers[.secFetchSite] else { return false }
        return site != "same-origin" && site != "none"
    }

    private static func authority(of origin: String) -> String? {
        let origin = origin.lowercased()
        guard let scheme = origin.range(of: "://"),
            origin.hasPrefix("https://") || origin.hasPrefix("http://")
        else { return nil }
        let rest = origin[scheme.upperBound...]
        return rest.isEmpty || rest.contains("/") ? nil : String(rest)
    }

    static func origin(of url: String) -> String {
        guard let scheme = url.range(of: "://") else { return url }
        let host = url[scheme.upperBound...].prefix { $0 != "/" }
        return (url[..<scheme.upperBound] + host).lowercased()
    }
}

extension HTTPField.Name {
    // The names are valid ones, which the initializer cannot know.
    static let host = HTTPField.Name("Host")!
    static let secFetchSite = HTTPField.Name("Sec-Fetch-Site")!
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
    static let crossOriginOpenerPolicy = HTTPField.Name("Cross-Origin-Opener-Policy")!
    static let crossOriginResourcePolicy = HTTPField.Name("Cross-Origin-Resource-Policy")!
    static let xRobotsTag = HTTPField.Name("X-Robots-Tag")!
}
