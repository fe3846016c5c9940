import Crypto
import CryptoExtras
import Foundation
import FoundationEssentials
import HTTPClient
import Logging
import ServiceLifecycle
import Values

/// The public keys of another identity provider (RFC 7517), from a URL or a file. They are fetched
/// at the start, now and then, since providers withdraw keys, and when a token names a key that is
/// not there, since they add some. A provider that is away delays nothing but its own tokens: the
/// start does not wait, and the keys that are known stay good.
package actor JSONWebKeys {
    /// Whatever tokens name, there is one fetch in this time in the long run …
    static let fetchInterval = Duration.seconds(10)
    /// … and so many at once after a rest.
    static let fetchesAtOnce = 5
    /// From one unasked fetch to the next.
    static let refreshInterval = Duration.seconds(3600)
    static let fetchTimeout = Duration.seconds(5)
    /// Tokens that may wait for a fetch; others are refused at once.
    static let maximumWaiting = 64
    static let maximumBytes = 256 * 1024
    static let maximumKeys = 100

    private struct Key {
        /// `nil` where the provider names none (RFC 7517 §4.5: it need not).
        let id: String?
        let algorithm: String
        let value: SignatureKey
    }

    private let source: String
    private let logger: Logger
    private let client = HTTPClient(maximumInFlight: 1, maximumQueued: 4)
    private var keys: [Key] = []
    /// When the fetches so far would have been done, had each waited for its turn.
    private var paidUntil = ContinuousClock.now
    private var lastFetchFailed = false
    private var running: Task<Void, Never>?
    private var waiting = 0

    /// - Parameter source: an `http` or `https` URL, or a path.
    package init(source: String, logger: Logger) {
        self.source = source
        self.logger = logger
    }

    /// The name under which an algorithm is kept: RFC 9864 calls EdDSA with Ed25519 `Ed25519`.
    nonisolated static func familiarName(_ algorithm: String) -> String {
        algorithm == "Ed25519" ? "EdDSA" : algorithm
    }

    /// What is known of a key that a token names.
    package enum Answer {
        case key(SignatureKey)
        /// The provider has no such key.
        case unknown
        /// The provider cannot be asked.
        case unavailable
    }

    /// The key of this name, for this algorithm and no other. A token that names no key means the
    /// only one of its algorithm; where several are, nothing tells which one it means.
    package func key(_ id: String?, algorithm named: String) async -> Answer {
        let algorithm = Self.familiarName(named)
        if let answer = known(id, algorithm) { return answer }
        guard waiting < Self.maximumWaiting else { return .unavailable }
        waiting += 1
        await refresh()
        waiting -= 1
        if let answer = known(id, algorithm) { return answer }
        return lastFetchFailed ? .unavailable : .unknown
    }

    /// - Returns: `nil` where there is no such key, and the provider may have it by now.
    private func known(_ id: String?, _ algorithm: String) -> Answer? {
        let fitting = keys.filter { $0.algorithm == algorithm }
        guard let id else {
            guard fitting.count <= 1 else { return .unknown }
            return fitting.first.map { .key($0.value) }
        }
        return fitting.last { $0.id == id }.map { .key($0.value) }
    }

    /// Fetches the keys unless that was done too often of late. Whoever asks meanwhile waits for
    /// the same fetch. A failure leaves the keys as they were.
    func refresh() async {
        if let running { return await running.value }
        let now = ContinuousClock.now
        let start = max(paidUntil, now)
        guard start - now <= Self.fetchInterval * (Self.fetchesAtOnce - 1) else { return }
        paidUntil = start + Self.fetchInterval
        let task = Task { await self.fetch() }
        running = task
        await task.value
        running = nil
    }

    private func fetch() async {
        do {
            let found = try Self.keys(in: try await text())
            guard !found.isEmpty else { throw Failure("it has no usable key") }
            keys = found
            lastFetchFailed = false
            logger.info("identity provider's keys loaded", metadata: ["keys": "\(found.count)"])
        } catch {
            lastFetchFailed = true
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

    /// Keys of other kinds and uses are passed over: a provider may list them for others. So are
    /// those that cannot be read, each by itself: what Foundation's parser reads is asked for the
    /// few members that we need, since ours would refuse a whole set for one repeated name.
    private static func keys(in text: [UInt8]) throws -> [Key] {
        let document: Any
        do {
            document = try JSONSerialization.jsonObject(with: Data(text))
        } catch {
            throw Failure("it is not JSON")
        }
        guard let list = (document as? [String: Any])?["keys"] as? [Any] else {
            throw Failure("it is no key set")
        }
        var keys: [Key] = []
        for item in list.lazy.compactMap({ $0 as? [String: Any] }).map(WrittenKey.init) {
            guard let algorithm = item.algorithm, item.isForSignatures else { continue }
            guard let value = item.key(for: algorithm) else { continue }
            keys.append(Key(id: item["kid"], algorithm: algorithm, value: value))
            if keys.count == maximumKeys { break }
        }
        return keys
    }
}

/// A key as the provider's document writes it (RFC 7517 §4).
private struct WrittenKey {
    private let members: [String: Any]

    init(_ members: [String: Any]) {
        self.members = members
    }

    /// A member's text; `nil` where it is missing, or null, or of another kind.
    subscript(_ name: String) -> String? { members[name] as? String }

    /// What it says that it is for, if anything.
    var isForSignatures: Bool {
        let use = self["use"]
        let operations = members["key_ops"] as? [Any]
        return (use == nil || use == "sig")
            && (operations == nil || operations?.contains { $0 as? String == "verify" } == true)
    }

    /// The one algorithm that we use such a key with. Its names are those of RFC 7518 and RFC 8037,
    /// and of RFC 9864, which gives Ed25519 one of its own.
    var algorithm: String? {
        let algorithm: String
        switch (self["kty"], self["crv"]) {
        case ("RSA", nil): algorithm = "RS256"
        case ("EC", "P-256"): algorithm = "ES256"
        case ("OKP", "Ed25519"): algorithm = "EdDSA"
        default: return nil
        }
        guard let declared = self["alg"] else { return algorithm }
        return JSONWebKeys.familiarName(declared) == algorithm ? algorithm : nil
    }

    /// The key itself, from its public parts only, whatever the document holds.
    ///
    /// - Returns: `nil` where a part is missing or is none, or an RSA key is shorter than 2048 bits
    ///   (RFC 7518 §3.3).
    func key(for algorithm: String) -> SignatureKey? {
        do {
            switch algorithm {
            case "RS256":
                guard let n = part("n"), let e = part("e") else { return nil }
                return .rs256(try _RSA.Signing.PublicKey(n: n, e: e))
            case "ES256":
                guard let x = part("x"), let y = part("y"), x.count == 32, y.count == 32 else {
                    return nil
                }
                return .es256(try P256.Signing.PublicKey(rawRepresentation: x + y))
            default:
                guard let x = part("x") else { return nil }
                return .ed25519(try Curve25519.Signing.PublicKey(rawRepresentation: x))
            }
        } catch {
            // It is no point of the curve, or of another length.
            return nil
        }
    }

    private func part(_ name: String) -> [UInt8]? {
        self[name].flatMap { Base64URL.decode(Array($0.utf8)[...]) }
    }
}

extension JSONWebKeys: Service {
    /// Fetches at the start and then now and then.
    package nonisolated func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                await refresh()
                do {
                    try await Task.sleep(for: Self.refreshInterval)
                } catch {
                    // A shutdown was asked for.
                    return
                }
            }
        }
    }
}
