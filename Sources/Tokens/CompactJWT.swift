import FoundationEssentials
import JSON
import Values

/// A JWT in its compact form (RFC 7519, RFC 7515 §3.1), taken apart strictly and not yet believed.
package struct CompactJWT {
    /// Providers put groups and roles into a token: 200 groups are 11 kB.
    static let maximumBytes = 16 * 1024
    /// What a header may say that it is, in lower case: a JWT, or an access token (RFC 9068 §2.1).
    /// The prefix may be there or not (RFC 7515 §4.1.9).
    static let types: Set<String> = ["jwt", "application/jwt", "at+jwt", "application/at+jwt"]

    package let algorithm: String
    package let keyID: String?
    package let claims: JSONObject
    /// What the signature is over.
    package let signedBytes: [UInt8]
    package let signature: [UInt8]

    /// - Returns: `nil` for whatever is not exactly such a token: other parts, padding, JSON that
    ///   repeats a name, a header that asks for extensions.
    package init?(_ token: String) {
        let bytes = Array(token.utf8)
        guard bytes.count <= Self.maximumBytes else { return nil }
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Self.object(parts[0]),
            let claims = Self.object(parts[1]), let signature = Base64URL.decode(parts[2]),
            !signature.isEmpty, let algorithm = header["alg"]?.string, header["crit"] == nil
        else { return nil }
        if let type = header["typ"] {
            guard let name = type.string?.lowercased(), Self.types.contains(name) else {
                return nil
            }
        }
        let keyID = header["kid"]
        guard keyID == nil || keyID?.string != nil else { return nil }
        self.algorithm = algorithm
        self.keyID = keyID?.string
        self.claims = claims
        self.signature = signature
        signedBytes = Array(bytes[..<(parts[1].endIndex)])
    }

    private static func object(_ part: ArraySlice<UInt8>) -> JSONObject? {
        guard let bytes = Base64URL.decode(part) else { return nil }
        do {
            return try JSONValue.parse(bytes).object
        } catch {
            return nil
        }
    }

    /// A NumericDate (RFC 7519 §2): seconds, with a fraction where the issuer writes one.
    /// - Returns: `nil` where the claim is missing, of another kind or beyond the year 9999.
    package func time(_ name: String) -> Timestamp? {
        guard case .number(let text) = claims[name], let seconds = Double(text),
            let micros = Int64(exactly: (seconds * 1_000_000).rounded(.down))
        else { return nil }
        return Timestamp(micros: micros)
    }

    /// Whether the token is good at `now`, by `exp` and, where it is there, `nbf`.
    ///
    /// - Parameter leeway: seconds that the issuer's clock may differ from ours.
    package func isCurrent(at now: Timestamp, leeway: Int64 = 0) -> Bool {
        guard let expiresAt = time("exp"), now < expiresAt.adding(seconds: leeway) else {
            return false
        }
        guard claims["nbf"] != nil else { return true }
        guard let notBefore = time("nbf") else { return false }
        return notBefore <= now.adding(seconds: leeway)
    }
}
