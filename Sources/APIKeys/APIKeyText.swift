import Values

/// How a key of the API product is written: `cbx_live_` or `cbx_test_` and 43 URL-safe characters,
/// which are 32 random bytes.
package enum APIKeyText {
    static let randomBytes = 32
    /// So many characters of a key are shown after it was made.
    static let prefixLength = 14

    /// A new key out of the system's cryptographic generator.
    package static func make(isTest: Bool) -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<randomBytes).map { _ in UInt8.random(in: .min ... .max, using: &generator)
        }
        return lead(isTest: isTest) + Base64URL.encode(bytes)
    }

    package static func prefix(of key: String) -> String { String(key.prefix(prefixLength)) }

    private static func lead(isTest: Bool) -> String { isTest ? "cbx_test_" : "cbx_live_" }
}
