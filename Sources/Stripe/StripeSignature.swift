import Crypto

/// The longest `Stripe-Signature` header that is read; Stripe's own is about 150 bytes for each
/// secret.
private let maximumHeaderBytes = 4096

/// Why a webhook's signature was not accepted.
public enum StripeSignatureError: Error, Sendable, Equatable, CustomStringConvertible {
    /// There is no signature header.
    case missing
    /// The header cannot be read, or is too long.
    case malformed
    /// No signature is that of these bytes under any of the secrets.
    case noMatch
    /// The signature is right and older than is tolerated: a replay, or a wrong clock.
    case stale

    /// One sentence for a person.
    public var description: String {
        switch self {
        case .missing: "The request has no Stripe-Signature header."
        case .malformed: "The Stripe-Signature header cannot be read."
        case .noMatch: "No signature is that of this body under one of our secrets."
        case .stale: "The signature is too old; is the clock right?"
        }
    }
}

/// The `Stripe-Signature` header of a webhook, as https://docs.stripe.com/webhooks describes it:
/// `t=<unix seconds>,v1=<hex>`, where the hex is the HMAC-SHA256 of `<t>.<body>` under the whole
/// secret, its `whsec_` included.
public enum StripeSignature {
    /// How old a signature may be, in seconds. Stripe signs each delivery attempt anew.
    public static let defaultTolerance: Int64 = 300

    /// Returns when the body was signed with one of the secrets not long ago.
    ///
    /// While secrets rotate, Stripe sends one `v1` for each and we may know several: any match
    /// counts. Other schemes are ignored. A time in the future is accepted, as the official
    /// libraries do.
    ///
    /// - Parameters:
    ///   - body: the raw bytes as received, before any parsing.
    ///   - now: wall-clock time in Unix seconds.
    public static func verify(
        header: String?, body: some Sequence<UInt8>, secrets: [String], now: Int64,
        tolerance: Int64 = defaultTolerance
    ) throws(StripeSignatureError) {
        guard let header, !header.isEmpty else { throw .missing }
        let (timestamp, signatures) = try parse(header)
        let payload = signedPayload(body, timestamp: timestamp)
        // An empty secret would let anybody sign.
        let isSigned = secrets.filter { !$0.isEmpty }.contains { secret in
            let key = SymmetricKey(data: Array(secret.utf8))
            return signatures.contains { signature in
                HMAC<SHA256>.isValidAuthenticationCode(
                    signature, authenticating: payload, using: key)
            }
        }
        guard isSigned else { throw .noMatch }
        guard timestamp >= now - tolerance else { throw .stale }
    }

    /// The header that Stripe would send with this body.
    public static func header(
        body: some Sequence<UInt8>, secret: String, timestamp: Int64
    ) -> String {
        let code = HMAC<SHA256>.authenticationCode(
            for: signedPayload(body, timestamp: timestamp),
            using: SymmetricKey(data: Array(secret.utf8)))
        let digits = Array("0123456789abcdef".utf8)
        let hex = code.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return "t=\(timestamp),v1=\(String(decoding: hex, as: UTF8.self))"
    }

    private static func signedPayload(
        _ body: some Sequence<UInt8>, timestamp: Int64
    ) -> [UInt8] {
        // Copied as a whole: byte by byte through the generic sequence takes longer than the hash.
        Array("\(timestamp).".utf8) + Array(body)
    }

    /// The one `t` and every readable `v1`; one that is not lower-case hex can match nothing.
    private static func parse(
        _ header: String
    ) throws(StripeSignatureError) -> (timestamp: Int64, signatures: [[UInt8]]) {
        guard header.utf8.count <= maximumHeaderBytes else { throw .malformed }
        var timestamp: Int64?
        var signatures: [[UInt8]] = []
        for item in header.split(separator: ",", omittingEmptySubsequences: false) {
            guard let separator = item.firstIndex(of: "=") else { throw .malformed }
            let value = item[item.index(after: separator)...]
            switch item[..<separator].drop(while: { $0 == " " }) {
            case "t":
                guard timestamp == nil, let seconds = unixSeconds(value) else { throw .malformed }
                timestamp = seconds
            case "v1":
                if let signature = bytes(hex: value) { signatures.append(signature) }
            default:
                continue
            }
        }
        guard let timestamp else { throw .malformed }
        return (timestamp, signatures)
    }

    /// Digits only, with no leading zero, so that the number is written as it was read.
    private static func unixSeconds(_ text: Substring) -> Int64? {
        guard let seconds = Int64(text), seconds >= 0, String(seconds) == text else { return nil }
        return seconds
    }

    private static func bytes(hex text: Substring) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count == 2 * SHA256.byteCount else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = nibble(digits[index]), let low = nibble(digits[index + 1]) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
