import Foundation
import Values

/// `.env`: settings of development, written as shells and Docker Compose read them.
package enum EnvironmentFile {
    /// - Returns: no variables where there is no such file.
    /// - Throws: ``SettingsError`` where there is one that cannot be read.
    static func read(path: String) throws -> [String: String] {
        guard FileManager.default.fileExists(atPath: path) else { return [:] }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SettingsError(path, "cannot be read")
        }
        return parse(String(decoding: data, as: UTF8.self))
    }

    /// The variables of lines such as `NAME=value`, `export NAME="value"  # why`. Of a name that
    /// comes twice the last value counts. Empty lines, comments and lines that set nothing are
    /// passed over.
    package static func parse(_ text: String) -> [String: String] {
        var variables: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            guard let (name, value) = assignment(in: line) else { continue }
            variables[name] = value
        }
        return variables
    }

    private static func assignment(in line: Substring) -> (name: String, value: String)? {
        guard let sign = line.firstIndex(of: "=") else { return nil }
        var words = line[..<sign].split(whereSeparator: isBlank)
        if words.first == "export" { words.removeFirst() }
        guard words.count == 1, let name = words.first, !name.hasPrefix("#") else { return nil }
        return (String(name), value(of: line[sign...].dropFirst()))
    }

    /// - Parameter text: all that stands behind the sign.
    private static func value(of text: Substring) -> String {
        let trimmed = text.trimmingPrefix(while: isBlank)
        if let quote = trimmed.first, quote == "\"" || quote == "'",
            let inside = quoted(trimmed.dropFirst(), quote)
        {
            return inside
        }
        var end = text.startIndex
        // A comment begins at a `#` behind a blank; within a word it is a character like another.
        var isBehindBlank = false
        for index in text.indices {
            if text[index] == "#" && isBehindBlank { break }
            isBehindBlank = isBlank(text[index])
            if !isBehindBlank { end = text.index(after: index) }
        }
        return String(text[..<end].trimmingPrefix(while: isBlank))
    }

    /// What stands before the quote that ends the value, behind which is nothing but a comment.
    private static func quoted(_ text: Substring, _ quote: Character) -> String? {
        for index in text.indices where text[index] == quote {
            let rest = text[index...].dropFirst()
            let comment = rest.trimmingPrefix(while: isBlank)
            let isApart = comment.startIndex > rest.startIndex
            if comment.isEmpty || isApart && comment.first == "#" {
                return String(text[..<index])
            }
        }
        return nil
    }

    private static func isBlank(_ character: Character) -> Bool {
        character == " " || character == "\t"
    }
}
