import Foundation

/// Where RabbitMQ is: `amqp://user:password@host:port/vhost`. Without a port it is 5672, without a
/// user `guest`, without a virtual host `/`; a `/` or `@` within a part is percent-encoded.
///
/// `amqps://` is the same over TLS, on 5671 without a port. Files in PEM may be named as in the
/// URIs of RabbitMQ's own clients: `?cacertfile=` for who may have signed the server's certificate,
/// the system's authorities without it; `certfile=` and `keyfile=` for a certificate of ours.
public struct RabbitMQURL: Sendable, Equatable {
    public let host: String
    public let port: Int
    let user: String
    let password: String
    public let virtualHost: String
    /// `nil` for a connection that is not encrypted.
    let tls: RabbitMQTLS?

    /// - Throws: ``RabbitMQError/invalidURL(_:)``, which tells no part of the URL but a missing
    ///   file.
    public init(_ text: String) throws(RabbitMQError) {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            scheme == "amqp" || scheme == "amqps"
        else {
            throw .invalidURL("must be embedded: or amqp[s]://user:password@host:port/vhost")
        }
        guard let host = parts.host, !host.isEmpty else { throw .invalidURL("names no host") }
        guard parts.fragment == nil else { throw .invalidURL("takes no #") }
        if scheme == "amqps" {
            tls = try RabbitMQTLS(parts.queryItems ?? [])
        } else {
            guard parts.query == nil else { throw .invalidURL("takes ? only with amqps://") }
            tls = nil
        }
        let port = parts.port ?? (tls == nil ? 5672 : 5671)
        guard (1...65_535).contains(port) else { throw .invalidURL("has no such port") }
        let path = parts.percentEncodedPath.dropFirst()
        guard !path.contains("/"), let virtualHost = String(path).removingPercentEncoding,
            virtualHost.utf8.count <= Self.maximumNameBytes, !virtualHost.contains("\0")
        else { throw .invalidURL("has no such virtual host; write a / within it as %2F") }
        self.host = host.trimmingCharacters(in: ["[", "]"])
        self.port = port
        user = parts.user.flatMap { $0.isEmpty ? nil : $0 } ?? "guest"
        password = parts.password ?? (parts.user == nil ? "guest" : "")
        self.virtualHost = virtualHost.isEmpty ? "/" : virtualHost
        guard !"\(user)\(password)".contains("\0") else {
            throw .invalidURL("has a NUL in user or password")
        }
    }

    /// AMQP's short strings are no longer.
    private static let maximumNameBytes = 255
}

/// Whatever prints it, the password is not told.
extension RabbitMQURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "\(host):\(port), virtual host \(virtualHost)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// What goes wrong between this process and RabbitMQ.
public enum RabbitMQError: Error, Sendable, Equatable, CustomStringConvertible {
    case invalidURL(String)
    /// It cannot be reached, or the connection was lost: later may be better.
    case away(String)
    /// It is reached and refuses us: by its operator's doing or ours.
    case refused(String)

    public var description: String {
        switch self {
        case .invalidURL(let text): text
        case .away(let text): "RabbitMQ is away: \(text)"
        case .refused(let text): "RabbitMQ refuses: \(text)"
        }
    }
}
