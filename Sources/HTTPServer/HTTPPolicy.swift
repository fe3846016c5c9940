import HTTPEndpoint
import HTTPTypes
import Synchronization

/// What the settings say of addresses and origins.
public struct HTTPPolicy: Sendable {
    /// Pages of these origins may call from a browser.
    public let corsOrigins: Set<String>
    /// Whose `X-Forwarded-For` is believed.
    public let trustedProxies: [IPNetwork]
    /// Only requests for a host of this machine are answered: a page whose name's address turns to
    /// loopback behind the browser's back (DNS rebinding) reads nothing.
    public let answersLoopbackOnly: Bool

    public init(
        corsOrigins: Set<String>, trustedProxies: [IPNetwork], answersLoopbackOnly: Bool = false
    ) {
        self.corsOrigins = corsOrigins
        self.trustedProxies = trustedProxies
        self.answersLoopbackOnly = answersLoopbackOnly
    }

    // The name is a valid one, which the initializer cannot know.
    private static let host = HTTPField.Name("Host")!
    private static let loopback = "127.0.0.1"

    /// Whether the request is for a host that this server answers for.
    func answers(_ headers: RequestHeaders, target: String) -> Bool {
        guard answersLoopbackOnly else { return true }
        if let host = headers[Self.host], !Self.isOfThisMachine(host) { return false }
        guard target.utf8.first != UInt8(ascii: "/"), let scheme = target.range(of: "://") else {
            return true
        }
        return Self.isOfThisMachine(String(target[scheme.upperBound...].prefix { $0 != "/" }))
    }

    /// A loopback address, `localhost` and names below it (RFC 6761 §6.3), or a name without a dot,
    /// which the public DNS has none of.
    static func isOfThisMachine(_ authority: String) -> Bool {
        // Most requests name the address itself.
        let rest = authority.utf8.dropFirst(Self.loopback.utf8.count)
        let isAddress = authority.utf8.starts(with: Self.loopback.utf8)
        if isAddress, rest.isEmpty || rest.first == UInt8(ascii: ":") { return true }
        var host = authority.lowercased()[...]
        if host.first == "[" {
            return IPAddress(String(host.dropFirst().prefix { $0 != "]" }))?.isLoopback ?? false
        }
        host = host.prefix { $0 != ":" }
        if host.last == "." { host.removeLast() }
        if let address = IPAddress(String(host)) { return address.isLoopback }
        if host.hasSuffix(".localhost") || host.isEmpty { return true }
        return !host.contains(".") && host.first?.isLetter == true
    }

    /// The last address that was not added by a trusted proxy, in its one spelling. What is no
    /// address ends the chain: whoever forwarded it counts then.
    func remoteAddress(_ headers: RequestHeaders, peer: String) -> String {
        guard !trustedProxies.isEmpty, var sender = IPAddress(peer) else { return peer }
        let forwarded = headers[.xForwardedFor] ?? ""
        for entry in forwarded.split(separator: ",").reversed() where isTrusted(sender) {
            guard let address = IPAddress(forwarded: entry) else { break }
            sender = address
        }
        return sender.text
    }

    private func isTrusted(_ address: IPAddress) -> Bool {
        trustedProxies.contains { $0.contains(address) }
    }

    /// The answer to a browser that asks whether a page of another origin may call.
    func preflight(_ method: HTTPRequest.Method, _ headers: RequestHeaders) -> Answer? {
        guard method == .options, let origin = headers[.origin],
            headers[.accessControlRequestMethod] != nil, corsOrigins.contains(origin)
        else { return nil }
        return Answer(
            status: 204, contentType: "", body: [],
            headers: [
                .accessControlAllowMethods: "GET, POST, PUT, PATCH, DELETE",
                .accessControlAllowHeaders: "Authorization, Content-Type, X-Request-ID",
                .accessControlMaxAge: "600",
            ])
    }

    /// What a page may read of an answer beside the few that browsers always show.
    private static let exposedHeaders = """
        X-Request-ID, Retry-After, X-RateLimit-Limit-Minute, X-RateLimit-Remaining-Minute, \
        X-RateLimit-Reset-Minute, X-RateLimit-Limit-Day, X-RateLimit-Remaining-Day, \
        X-RateLimit-Reset-Day
        """

    func addCrossOriginHeaders(to headers: inout HTTPFields, _ request: RequestHeaders) {
        guard !corsOrigins.isEmpty else { return }
        headers[.vary] = "Origin"
        if let origin = request[.origin], corsOrigins.contains(origin) {
            headers[.accessControlAllowOrigin] = origin
            headers[.accessControlExposeHeaders] = Self.exposedHeaders
        }
    }
}

/// Counts the requests in work and says when there are too many.
final class RequestCounter: Sendable {
    private let count = Atomic<Int>(0)
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    func enter() -> Bool {
        if count.add(1, ordering: .relaxed).newValue <= limit { return true }
        leave()
        return false
    }

    func leave() {
        count.subtract(1, ordering: .relaxed)
    }
}
