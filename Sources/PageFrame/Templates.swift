import JSON
import Mustache

/// The templates of all pages in one language, compiled once, at the start: `[[key]]` in a template
/// is a text of the words.
package struct Templates: Sendable {
    let words: Words
    private let library: MustacheLibrary

    /// - Throws: ``PageFlaw`` where a template cannot be read, or asks for words or a partial that
    ///   there are not; so that it is found at the start and not at showing.
    package init(_ words: Words, _ files: [String: String] = EmbeddedTemplates.all) throws {
        self.words = words
        let names = Set(files.keys)
        library = MustacheLibrary(
            templates: try Dictionary(
                uniqueKeysWithValues: files.map { name, text in
                    (name, try Self.compile(text, of: name, words, names))
                }))
    }

    private static func compile(
        _ text: String, of name: String, _ words: Words, _ names: Set<String>
    ) throws -> MustacheTemplate {
        let word = /\[\[([\w.]+)\]\]/
        for match in text.matches(of: word) where !words.has(String(match.1)) {
            throw PageFlaw(description: "the template \(name) has no words for \(match.1)")
        }
        for match in text.matches(of: /\{\{>\s*([\w.]+)/) where !names.contains(String(match.1)) {
            throw PageFlaw(description: "the template \(name) has no {{>\(match.1)}}")
        }
        let worded = text.replacing(word) { words.source(String($0.1)) ?? "" }
        do {
            return try MustacheTemplate(string: worded)
        } catch {
            throw PageFlaw(description: "the template \(name): \(error)")
        }
    }

    /// - Throws: ``PageFlaw`` for a template that there is not.
    package func render(_ name: String, _ values: JSONObject) throws -> String {
        guard let html = library.render(values.plain, withTemplate: name) else {
            throw PageFlaw(description: "there is no template \(name)")
        }
        return html
    }
}

extension JSONObject {
    /// As Mustache takes it: what is null is not there.
    fileprivate var plain: [String: Any] {
        Dictionary(
            members.compactMap { member in member.value.plain.map { (member.key, $0) } },
            uniquingKeysWith: { $1 })
    }
}

extension JSONValue {
    fileprivate var plain: Any? {
        switch self {
        case .null: nil
        case .bool(let flag): flag
        case .number(let text), .string(let text): text
        case .array(let elements): elements.compactMap(\.plain)
        case .object(let object): object.plain
        }
    }

    /// A text, or nothing.
    package static func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
}
