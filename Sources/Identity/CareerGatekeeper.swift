import Crypto
import FoundationEssentials
import HTTPEndpoint
import HTTPTypes
import Logging
import Users

/// Lets callers in: tool servers by their internal key, users by their access token.
package struct CareerGatekeeper: Gatekeeper {
    private let tokens: TokenVerifier
    private let currentActiveUser: CurrentActiveUser
    private let internalKeys: InternalKeys
    private let logger: Logger

    init(
        tokens: TokenVerifier, currentActiveUser: CurrentActiveUser, internalKeys: InternalKeys,
        logger: Logger
    ) {
        self.tokens = tokens
        self.currentActiveUser = currentActiveUser
        self.internalKeys = internalKeys
        self.logger = logger
    }

    package func admit(_ call: inout Call, to access: Access) async throws {
        if access.needsInternalKey {
            guard internalKeys.accept(call.headers[.xInternalAPIKey]) else {
                throw Problem.invalidInternalKey
            }
        }
        guard access.needsUser else { return }
        let caller = try await caller(of: try bearerToken(call.headers), call)
        if access.activeUserCheck == .gatekeeper { try await currentActiveUser.confirm(caller) }
        call.caller = caller
    }

    /// Nothing of the token itself is logged but the reason for its refusal.
    private func caller(of token: String, _ call: Call) async throws -> Caller {
        do {
            return try await tokens.verify(token)
        } catch let refusal as TokenRefusal {
            logger.info(
                "access token refused",
                metadata: ["request_id": "\(call.id)", "reason": "\(refusal.rawValue)"])
            throw Problem.invalidToken
        }
    }

    package func confirmActive(_ caller: Caller) async throws {
        try await currentActiveUser.confirm(caller)
    }

    /// The credentials of RFC 6750 §2.1. A header that is sent twice arrives joined by a comma,
    /// which no token has.
    private func bearerToken(_ headers: RequestHeaders) throws -> String {
        guard let header = headers[.authorization] else { throw Problem.unauthorized }
        let scheme = "bearer ".utf8
        guard header.utf8.count > scheme.count,
            header.utf8.prefix(scheme.count).elementsEqual(scheme, by: { $0 | 0x20 == $1 })
        else { throw Problem.unauthorized }
        return String(decoding: header.utf8.dropFirst(scheme.count), as: UTF8.self)
    }
}

/// The keys that tool servers show. More than one may be good while they are rotated.
struct InternalKeys: Sendable {
    private let hashes: [[UInt8]]

    init(_ keys: [String]) {
        hashes = keys.map { Self.hash($0) }
    }

    /// Compares hashes of one length, and with every key, so that the time tells neither how much
    /// of a key was right nor which one it was.
    func accept(_ key: String?) -> Bool {
        guard let key else { return false }
        let shown = Self.hash(key)
        var isGood = false
        for hash in hashes where equalInConstantTime(hash, shown) { isGood = true }
        return isGood
    }

    private static func hash(_ key: String) -> [UInt8] {
        Array(SHA256.hash(data: Array(key.utf8)))
    }
}

extension HTTPField.Name {
    // The name is a valid one, which the initializer cannot know.
    static let xInternalAPIKey = HTTPField.Name("X-Internal-API-Key")!
}
