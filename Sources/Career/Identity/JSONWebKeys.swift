import Foundation
import FoundationEssentials
import HTTPClient
import JSON
import JWTKit
import Logging

/// The public keys of another identity provider (RFC 7517), from a URL or a file. They are fetched
/// at the start and, since providers rotate them, again when a token names a key that is not
/// there, though not more than once a minute.
actor JSONWebKeys {
    static let minimumPause = Duration.seconds(60)
    static let fetchTimeout = Duration.seconds(10)
    static let maximumBytes = 256 * 1024
    static let maximumKeys = 100

    private struct KeyName: Hashable {
        let id: String
        let algorithm: String
    }

    private let source: String
    private let logger: Logger
    private let client = HTTPClient(maximumInFlight: 1, maximumQueued: 4)
    private var keys: [KeyName: any JWTAlgorithm] = [:]
    private var lastFetch: ContinuousClock.Instant?
    private var running: Task<Void, Never>?

    /// - Parameter source: an `http` or `https` URL, or a path.
    init(source: String, logger: Logger) {
        self.source = source
        self.logger = logger
    }

    /// Whether there has been no set of keys yet.
    var isEmpty: Bool { keys.isEmpty }

    /// The key of this name, for this algorithm and no other.
    func key(_ id: String, algorithm: String) async -> (any JWTAlgorithm)? {
        let name = KeyName(id: id, algorithm: algorithm)
        if let key = keys[name] { return key }
        await refresh()
        return keys[name]
    }

    /// Fetches the keys unless that was done a moment ago. Whoever asks meanwhile waits for the
    /// same fetch. A failure leaves the keys as they were.
    func refresh() async {
        if let running { return await running.value }
        if let lastFetch, ContinuousClock.now - lastFetch < Self.minimumPause { return }
        lastFetch = ContinuousClock.now
        let task = Task { await self.fetch() }
        running = task
        await task.value
        running = nil
    }

    private func fetch() async {
        do {
            let found = try await Self.keys(in: try await text())
            guard !found.isEmpty else { throw Failure("it has no usable key") }
            keys = found
            logger.info("identity provider's keys loaded", metadata: ["keys": "\(found.count)"])
        } catch {
            logger.error("identity provider's keys not loaded", metadata: ["error": "\(error)"])
        }
    }

    private struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    private func text() async throws -> [UInt8] {
        let bytes: [UInt8]
        if source.hasPrefix("https://") || source.hasPrefix("http://") {
            let answer = try await client.send(
                HTTPRequest(
                    "GET", source, headers: [("Accept", "application/json")],
                    timeout: Self.fetchTimeout))
            guard answer.status == 200 else { throw Failure("status \(answer.status)") }
            bytes = answer.body
        } else {
            guard let data = FileManager.default.contents(atPath: source) else {
                throw Failure("the file cannot be read")
            }
            bytes = Array(data)
        }
        guard bytes.count <= Self.maximumBytes else { throw Failure("it is too large") }
        return bytes
    }

    /// Keys of other kinds and uses are passed over: a provider may list them for others.
    private static func keys(in text: [UInt8]) async throws -> [KeyName: any JWTAlgorithm] {
        guard let list = try JSONValue.parse(text)["keys"]?.array else {
            throw Failure("it is no key set")
        }
        var keys: [KeyName: any JWTAlgorithm] = [:]
        for item in list.prefix(maximumKeys) {
            guard let id = item["kid"]?.string, let algorithm = algorithm(of: item),
                item["use"] == nil || item["use"]?.string == "sig"
            else { continue }
            do {
                keys[KeyName(id: id, algorithm: algorithm.rawValue)] = try await key(
                    item, algorithm, id: id)
            } catch {
                continue
            }
        }
        return keys
    }

    /// The one algorithm that we use such a key with.
    private static func algorithm(of item: JSONValue) -> JWK.Algorithm? {
        let algorithm: JWK.Algorithm
        switch (item["kty"]?.string, item["crv"]?.string) {
        case ("RSA", nil): algorithm = .rs256
        case ("EC", "P-256"): algorithm = .es256
        case ("OKP", "Ed25519"): algorithm = .eddsa
        default: return nil
        }
        let declared = item["alg"]?.string
        return declared == nil || declared == algorithm.rawValue ? algorithm : nil
    }

    private static func key(
        _ item: JSONValue, _ algorithm: JWK.Algorithm, id: String
    ) async throws -> any JWTAlgorithm {
        var jwk = try JWK(json: item.compactText)
        jwk.algorithm = algorithm
        // Public parts only, whatever the file holds.
        jwk.privateExponent = nil
        jwk.prime1 = nil
        jwk.prime2 = nil
        return try await JWTKeyCollection().add(jwk: jwk)
            .getKey(for: JWKIdentifier(string: id), alg: algorithm.rawValue)
    }
}
