import JSON
import Mustache

/// The templates of all pages in one language: `[[key]]` in a template is a text of the words.
/// They are compiled when the first page is shown, since that takes a sixth of a start, and many a
/// process shows none; they come with the program, and its tests compile them all.
package struct Templates: Sendable {
    let words: Words
    private let library: Once<Result<MustacheLibrary, PageFlaw>>

    package init(_ words: Words, _ files: [String: String] = EmbeddedTemplates.all) {
        self.words = words
        library = Once { Self.compile(files, words) }
    }

    /// - Throws: ``PageFlaw`` where a template cannot be read, or asks for words or a partial that
    ///   there are not.
    package func check() throws { _ = try library.value.get() }

    private static func compile(
        _ files: [String: String], _ words: Words
    ) -> Result<MustacheLibrary, PageFlaw> {
        let names = Set(files.keys)
        return Result { () throws(PageFlaw) in
            var templates: [String: MustacheTemplate] = [:]
            for (name, text) in files {
                templates[name] = try compile(text, of: name, words, names)
            }
            return MustacheLibrary(templates: templates)
        }
    }

    private static func compile(
        _ text: String, of name: String, _ words: Words, _ names: Set<String>
    ) throws(PageFlaw) -> MustacheTemplate {
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

    /// - Throws: ``PageFlaw`` for a template that there is not, or a flaw of any of them.
    package func render(_ name: String, _ values: JSONObject) throws -> String {
        guard let html = try library.value.get().render(values.plain, withTemplate: name) else {
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
