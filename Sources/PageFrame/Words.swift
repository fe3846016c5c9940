import Mustache

/// A file of words or a template that cannot be used.
package struct PageFlaw: Error, CustomStringConvertible {
    package let description: String
}

/// The words of one language: one file, a line each. What a text puts in is escaped, unless the
/// text says by three braces that it is HTML already.
package struct Words: Sendable {
    /// The language as HTML names it, e.g. `en`.
    let language: String
    private let texts: [String: String]
    /// Of the texts that put something in; the others are HTML as they stand.
    private let templates: [String: MustacheTemplate]

    /// - Throws: ``PageFlaw`` for a line that cannot be read, or a key that is there twice.
    package init(language: String, _ file: String) throws {
        var texts: [String: String] = [:]
        var templates: [String: MustacheTemplate] = [:]
        for line in file.split(separator: "\n") where line.first != "#" {
            guard let sign = line.range(of: " = ") else {
                throw PageFlaw(description: "the words \(language) have a line without =: \(line)")
            }
            let key = String(line[..<sign.lowerBound])
            let text = String(line[sign.upperBound...])
            guard texts.updateValue(text, forKey: key) == nil else {
                throw PageFlaw(description: "the words \(language) have \(key) twice")
            }
            guard text.utf8.contains(UInt8(ascii: "{")) else { continue }
            do {
                templates[key] = try MustacheTemplate(string: text)
            } catch {
                throw PageFlaw(description: "the words \(language), \(key): \(error)")
            }
        }
        self.language = language
        self.texts = texts
        self.templates = templates
    }

    package func has(_ key: String) -> Bool { texts[key] != nil }

    /// The text as it stands in the file, for a template that is being compiled.
    func source(_ key: String) -> String? { texts[key] }

    /// The text as HTML. A key that there is not is shown as itself, so that it is noticed.
    package func html(_ key: String, _ values: [String: String] = [:]) -> String {
        templates[key]?.render(values) ?? texts[key] ?? key
    }
}

extension String {
    /// The text as HTML, in content and in a quoted attribute.
    package var escapedForHTML: String {
        var escaped = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
