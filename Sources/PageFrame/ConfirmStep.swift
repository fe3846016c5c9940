import HTTPEndpoint
import JSON

/// A question with two answers, before something is done that cannot be undone at once.
package struct ConfirmStep: Sendable {
    let words: Words
    let name: String
    let action: String
    let back: String
    package var facts: [String] = []
    package var isDanger = false
    package var values: [String: String] = [:]

    package init(_ words: Words, _ name: String, action: String, back: String) {
        self.words = words
        self.name = name
        self.action = action
        self.back = back
    }

    /// - Parameter held: what the form's fields hold before anybody has typed.
    package func values(
        _ visit: Visit, _ form: PageForm? = nil, holding held: [String: String] = [:]
    ) -> JSONObject {
        (form ?? PageForm(words, [])).values(visit, held).with([
            "question_html": .string(words.html("\(name).question", values)),
            "facts": .array(facts.map { .string($0) }), "action": .string(action),
            "back": .string(back), "is_danger": .bool(isDanger),
            "yes_html": .string(words.html("\(name).yes", values)),
            "no_html": .string(words.html("\(name).no", values)),
        ])
    }
}
