import FoundationEssentials
import HTTPEndpoint

/// An email address as its owner writes it, and the key under which it is one account.
///
/// Addresses are ASCII (RFC 5321 §4.1.2 without quoted local parts; a domain in another script has
/// its ASCII form). Outside ASCII two different addresses can have the same lower case, and then
/// one person's reset code would open another person's account.
package struct EmailAddress: Sendable, Hashable {
    /// RFC 5321 §4.5.3.1, and RFC 3696 erratum 1690 for the whole.
    static let maximumLength = 254
    static let maximumLocalLength = 64
    static let maximumLabelLength = 63

    package let text: String
    /// The address in lower case: one account whatever its case.
    package let key: String

    package init?(_ text: String) {
        guard text.utf8.count <= Self.maximumLength else { return nil }
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, Self.isLocal(parts[0]), Self.isDomain(parts[1]) else { return nil }
        self.text = text
        key = text.lowercased()
    }

    private init() {
        text = ""
        key = ""
    }

    /// Stands in where a request has no good address.
    fileprivate static let none = EmailAddress()

    /// Dot-separated atoms.
    private static func isLocal(_ text: Substring) -> Bool {
        guard (1...maximumLocalLength).contains(text.utf8.count) else { return false }
        let marks = Set("!#$%&'*+-/=?^_`{|}~".utf8)
        return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { atom in
            !atom.isEmpty && atom.utf8.allSatisfy { isLetterOrDigit($0) || marks.contains($0) }
        }
    }

    /// At least two labels of letters, digits and inner hyphens.
    private static func isDomain(_ text: Substring) -> Bool {
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        return labels.count >= 2
            && labels.allSatisfy { label in
                (1...maximumLabelLength).contains(label.utf8.count)
                    && label.first != "-" && label.last != "-"
                    && label.utf8.allSatisfy {
                        isLetterOrDigit($0) || $0 == UInt8(ascii: "-")
                    }
            }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    /// What may stand in a log, e.g. `a***@example.test`.
    package var redacted: String {
        let parts = text.split(separator: "@")
        guard let first = parts.first?.first, let domain = parts.last else { return "***" }
        return "\(first)***@\(domain)"
    }
}

extension InputKind where Value == EmailAddress {
    package static var email: InputKind<EmailAddress> {
        InputKind<String>.text(3...EmailAddress.maximumLength, format: "email")
            .satisfying("email", "must be an email address") { EmailAddress($0) != nil }
            .map(placeholder: .none) { EmailAddress($0) ?? .none }
    }
}

extension InputKind where Value == String {
    /// A password as somebody chooses it.
    package static var newPassword: InputKind<String> {
        InputKind<String>.text(PasswordRule.length, format: "password")
            .satisfying("password_too_weak", PasswordRule.message, PasswordRule.hasAllKinds)
    }

    /// A password as somebody shows it; whether it is a good one is not asked again.
    package static var password: InputKind<String> {
        InputKind<String>.text(1...PasswordRule.length.upperBound, format: "password")
    }

    /// A person's name; empty for none.
    package static var fullName: InputKind<String> {
        InputKind<String>.text(0...200)
            .satisfying("control_character", "must not have control characters") { name in
                !name.unicodeScalars.contains { $0.properties.generalCategory == .control }
            }
    }
}

/// What a password must be: 8 to 128 characters with upper case, lower case and a digit.
package enum PasswordRule {
    package static let length = 8...128
    package static let message = "must have an upper-case letter, a lower-case letter and a digit"

    static func hasAllKinds(_ password: String) -> Bool {
        let scalars = password.unicodeScalars
        return scalars.contains { $0.properties.isUppercase }
            && scalars.contains { $0.properties.isLowercase }
            && scalars.contains { $0.properties.generalCategory == .decimalNumber }
    }

    package static func accepts(_ password: String) -> Bool {
        length.contains(password.unicodeScalars.count) && hasAllKinds(password)
    }
}
