import Crypto
import Foundation
import Values

/// Codes by time (RFC 6238) with what every authenticator knows: HMAC-SHA-1, 30 seconds, six
/// digits.
package enum TOTP {
    package static let stepSeconds: Int64 = 30
    package static let digits = 6
    /// The length that RFC 4226 §4 recommends.
    static let secretBytes = 20
    /// Steps before and after the present one whose codes are good, for clocks that differ.
    static let tolerance: Int64 = 1

    package static func step(at now: Timestamp) -> Int64 { now.seconds / stepSeconds }

    /// RFC 4226 §5.3.
    package static func code(_ secret: [UInt8], step: Int64) -> String {
        let counter = withUnsafeBytes(of: step.bigEndian) { Array($0) }
        let hash = Array(
            HMAC<Insecure.SHA1>.authenticationCode(
                for: counter, using: SymmetricKey(data: secret)))
        let offset = Int(hash[hash.count - 1] & 0xf)
        let number = hash[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let text = String((number & 0x7fff_ffff) % 1_000_000)
        return String(repeating: "0", count: digits - text.count) + text
    }

    /// The step whose code this is, near now and after the last one that was used; `nil` for a
    /// wrong code and for one that was used.
    package static func step(
        of code: String, _ secret: [UInt8], after used: Int64, now: Timestamp
    ) -> Int64? {
        let present = step(at: now)
        var found: Int64?
        for step in (present - tolerance)...(present + tolerance)
        where self.code(secret, step: step) == code && step > used { found = step }
        return found
    }

    /// The address that an authenticator reads, as text or as a picture.
    package static func address(_ secret: [UInt8], of name: String, issuer: String) -> String {
        let (name, issuer) = (encode(name), encode(issuer))
        return "otpauth://totp/\(issuer):\(name)?secret=\(base32(secret))&issuer=\(issuer)"
            + "&algorithm=SHA1&digits=\(digits)&period=\(stepSeconds)"
    }

    private static func encode(_ text: String) -> String {
        let plain = CharacterSet(charactersIn: "-._~")
            .union(CharacterSet(charactersIn: "a"..."z"))
            .union(CharacterSet(charactersIn: "A"..."Z"))
            .union(CharacterSet(charactersIn: "0"..."9"))
        return text.addingPercentEncoding(withAllowedCharacters: plain) ?? ""
    }

    /// RFC 4648 §6, without padding.
    package static func base32(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        var text = ""
        var (bits, count) = (UInt32(0), 0)
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 5 {
                count -= 5
                text.append(alphabet[Int(bits >> UInt32(count) & 31)])
            }
        }
        if count > 0 { text.append(alphabet[Int(bits << UInt32(5 - count) & 31)]) }
        return text
    }
}
