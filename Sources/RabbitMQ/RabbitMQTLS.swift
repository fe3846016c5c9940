import CRabbitMQ
import Foundation

/// How a connection to RabbitMQ is encrypted. The server's certificate must be signed by an
/// authority that is trusted here, and be its host's; TLS 1.2 at least.
struct RabbitMQTLS: Sendable, Equatable {
    /// Who may have signed the server's certificate; PEM, one or more.
    let authorities: String
    /// What shows the server who we are, for one that asks.
    let certificate: Certificate?

    struct Certificate: Sendable, Equatable {
        let chain: String
        let key: String
    }

    /// Where systems keep the authorities that they trust.
    private static let systemAuthorities = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
    ]

    /// - Parameter items: of the address, by the names of RabbitMQ's URI query parameters.
    /// - Throws: ``RabbitMQError/invalidURL(_:)``.
    init(_ items: [URLQueryItem]) throws(RabbitMQError) {
        var files: [String: String] = [:]
        for item in items {
            guard ["cacertfile", "certfile", "keyfile"].contains(item.name),
                files[item.name] == nil, let file = item.value, !file.isEmpty
            else {
                throw .invalidURL(
                    "takes ?cacertfile=, certfile= and keyfile=, each once and naming a file")
            }
            files[item.name] = file
        }
        for (name, file) in files.sorted(by: { $0.key < $1.key }) {
            guard FileManager.default.isReadableFile(atPath: file) else {
                throw .invalidURL("names a \(name) that cannot be read: \(file)")
            }
        }
        guard
            let authorities = files["cacertfile"]
                ?? Self.systemAuthorities.first(where: FileManager.default.isReadableFile)
        else { throw .invalidURL("needs ?cacertfile=, since this system keeps no authorities") }
        self.authorities = authorities
        switch (files["certfile"], files["keyfile"]) {
        case (nil, nil): certificate = nil
        case (let chain?, let key?): certificate = Certificate(chain: chain, key: key)
        default: throw .invalidURL("takes certfile= and keyfile= only together")
        }
    }

    /// A socket for the connection, which is not open yet and goes with it.
    /// - Throws: ``RabbitMQError/refused(_:)`` where a file is not what it should be.
    func socket(for state: amqp_connection_state_t) throws -> OpaquePointer? {
        guard let socket = amqp_ssl_socket_new(state) else { return nil }
        amqp_ssl_socket_set_verify_peer(socket, 1)
        amqp_ssl_socket_set_verify_hostname(socket, 1)
        guard amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST) == 0 else {
            throw RabbitMQError.refused("TLS 1.2 is not to be had")
        }
        guard amqp_ssl_socket_set_cacert(socket, authorities) == 0 else {
            throw RabbitMQError.refused("\(authorities) has no certificates of authorities")
        }
        if let certificate {
            // With a password set, OpenSSL does not ask a terminal for that of a key that has one.
            // The library keeps the pointer, and needs it only while it reads the key.
            let status = "".withCString { none in
                amqp_ssl_socket_set_key_passwd(socket, none)
                return amqp_ssl_socket_set_key(socket, certificate.chain, certificate.key)
            }
            guard status == 0 else {
                throw RabbitMQError.refused(
                    "\(certificate.chain) and \(certificate.key) are no certificate and its key")
            }
        }
        return socket
    }
}
