import Database
import HTTPEndpoint

/// A workspace's name in addresses: `^[a-z0-9][a-z0-9-]{0,62}$`.
package enum Slug {
    static let maximumLength = 63
    /// Random digits behind a slug that is taken: 60 bits.
    private static let suffixLength = 12

    /// What a name makes, whatever it holds: never empty, never too long.
    package static func made(of name: String) -> String {
        var slug = ""
        for byte in name.lowercased().utf8 {
            let isGood =
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            if isGood {
                slug.unicodeScalars.append(Unicode.Scalar(byte))
            } else if !slug.isEmpty && slug.last != "-" {
                slug += "-"
            }
        }
        let cut = slug.prefix(maximumLength - suffixLength - 1)
        let trimmed = cut.last == "-" ? cut.dropLast() : cut
        return trimmed.isEmpty ? "workspace" : String(trimmed)
    }

    /// What a name makes, with random digits where another workspace has that.
    static func free(for name: String, in connection: any DatabaseConnection) throws -> String {
        let slug = made(of: name)
        guard try WorkspaceRow.isTaken(slug, in: connection) else { return slug }
        return another(slug)
    }

    /// The slug with random digits behind it.
    static func another(_ slug: String) -> String { slug + "-" + randomDigits() }

    private static func randomDigits() -> String {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567")
        return String(
            (0..<suffixLength).map { _ in
                alphabet[Int.random(in: alphabet.indices, using: &generator)]
            })
    }

    package static func isGood(_ text: String) -> Bool {
        text.wholeMatch(of: /[a-z0-9][a-z0-9-]{0,62}/) != nil
    }
}

extension InputKind where Value == String {
    static var slug: InputKind<String> {
        text(1...Slug.maximumLength).documented(["pattern": "^[a-z0-9][a-z0-9-]{0,62}$"])
            .satisfying(
                "slug", "must be lower-case letters, digits and hyphens, no hyphen first",
                Slug.isGood)
    }
}
