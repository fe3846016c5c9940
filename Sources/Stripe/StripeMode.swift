/// Whether real money moves. Test and live objects are two worlds with keys of their own
/// (https://docs.stripe.com/keys).
public enum StripeMode: Sendable, Equatable {
    case test
    case live

    /// The mode of a secret or restricted key; nil for anything else, publishable keys included.
    public init?(secretKey: String) {
        let isKeyText = secretKey.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"):
                true
            default:
                false
            }
        }
        guard isKeyText else { return nil }
        let parts = secretKey.split(separator: "_", maxSplits: 2)
        guard parts.count == 3, ["sk", "rk"].contains(parts[0]) else { return nil }
        switch parts[1] {
        case "test": self = .test
        case "live": self = .live
        default: return nil
        }
    }

    public init(livemode: Bool) {
        self = livemode ? .live : .test
    }
}

/// Why no client can be made of the settings. No case carries the key.
public enum StripeSetupError: Error, Sendable, Equatable, CustomStringConvertible {
    case notASecretKey
    /// A live key is only ever sent over TLS.
    case liveKeyWithoutTLS

    public var description: String {
        switch self {
        case .notASecretKey: "the Stripe key does not begin with sk_test_, sk_live_ or rk_"
        case .liveKeyWithoutTLS: "a live Stripe key needs an API base that begins with https://"
        }
    }
}
