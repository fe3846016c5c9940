/// The preferences that a request names (RFC 7240 §2), without their values and parameters, of
/// which none means anything here.
package struct Preferences {
    private let names: Set<String>

    /// - Parameter header: the value of `Prefer`, a list; `nil` where it was not sent.
    package init(_ header: String?) {
        let entries = (header ?? "").split(separator: ",")
        names = Set(entries.compactMap(Self.name))
    }

    /// What stands before a value or a parameter; `nil` where that is not one word.
    private static func name(of entry: Substring) -> String? {
        let words = entry.prefix { $0 != ";" && $0 != "=" }
            .split { $0 == " " || $0 == "\t" }
        return words.count == 1 ? words[0].lowercased() : nil
    }

    /// - Parameter name: in lower case.
    package func contains(_ name: String) -> Bool { names.contains(name) }
}
