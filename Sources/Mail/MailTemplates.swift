import Mustache

/// Fills the words of MailTexts.swift with values. All templates are compiled when the first mail
/// is written, since many a process writes none; they come with the program, whose tests compile
/// them.
package struct MailTemplates: Sendable {
    /// A template that cannot be used.
    struct Flaw: Error, CustomStringConvertible {
        let description: String
    }

    private static let writers = Result { try MailWriters() }

    package init() {}

    /// - Throws: ``Flaw`` where a mail has no words, or they cannot be read, or name a value or a
    ///   partial that there is not.
    package func check() throws { _ = try Self.writers.get() }

    /// - Throws: ``Flaw``, of whichever mail.
    package func render(_ content: MailContent, to recipient: MailRecipient) throws -> Mail {
        try Self.writers.get().render(content, to: recipient)
    }
}

private struct MailWriters: Sendable {
    private let text: MailWriter
    private let html: MailWriter

    init() throws {
        text = try MailWriter(.text, pragma: "{{% CONTENT_TYPE: TEXT}}\n")
        html = try MailWriter(.html, pragma: "")
        for (kind, words) in MailText.all {
            // With all that may be there and with none of it, so that no section goes unread.
            for sample in ["1", nil] {
                let values = MailValues(
                    Dictionary(uniqueKeysWithValues: words.values.map { ($0, sample) }),
                    name: sample, billedWorkspace: sample)
                for writer in [text, html] {
                    _ = writer.subject(of: kind, values)
                    _ = writer.page(of: kind, subject: "", values)
                }
                if let unknown = values.unknown.first {
                    throw MailTemplates.Flaw(
                        description: "the mail \(kind) has no value {{\(unknown)}}")
                }
            }
        }
    }

    func render(_ content: MailContent, to recipient: MailRecipient) -> Mail {
        let values = MailValues(
            content.values, name: recipient.name, billedWorkspace: content.billedWorkspace)
        // Subjects are plain text, in the HTML's head too, where the layout escapes them.
        let subject = text.subject(of: content.kind, values)
        return Mail(
            recipient: recipient.address, subject: subject,
            text: text.page(of: content.kind, subject: subject, values),
            html: html.page(of: content.kind, subject: subject, values))
    }
}

/// The compiled templates of one form, plain text or HTML.
private struct MailWriter: Sendable {
    private struct Words: Sendable {
        let subject: MustacheTemplate
        let body: MustacheTemplate
    }

    /// Ends a subject: a mailbox shows it alone.
    private static let ofWorkspace =
        "{{#billedWorkspace}} ({{billedWorkspace}}){{/billedWorkspace}}"

    private let page: MustacheTemplate
    private let partials: MustacheLibrary
    private let words: [MailContent.Kind: Words]

    /// - Parameter pragma: what stands before each template; without one Mustache escapes for HTML.
    init(_ layout: MailLayout, pragma: String) throws {
        let partial = /\{\{>\s*([\w-]+)/
        func compile(_ template: String, of owner: String) throws -> MustacheTemplate {
            for name in template.matches(of: partial).map({ String($0.1) })
            where layout.partials[name] == nil {
                throw MailTemplates.Flaw(description: "the mail \(owner) has no {{>\(name)}}")
            }
            do {
                return try MustacheTemplate(string: pragma + template)
            } catch {
                throw MailTemplates.Flaw(description: "the mail \(owner): \(error)")
            }
        }
        page = try compile(layout.page, of: "layout")
        partials = MustacheLibrary(
            templates: try Dictionary(
                uniqueKeysWithValues: layout.partials.map { name, template in
                    (name, try compile(template, of: name))
                }))
        words = try Dictionary(
            uniqueKeysWithValues: MailContent.Kind.allCases.map { kind in
                guard let text = MailText.all[kind] else {
                    throw MailTemplates.Flaw(description: "the mail \(kind) has no words")
                }
                return (
                    kind,
                    Words(
                        subject: try compile(text.subject + Self.ofWorkspace, of: "\(kind)"),
                        body: try compile(text.body, of: "\(kind)"))
                )
            })
    }

    func subject(of kind: MailContent.Kind, _ values: MailValues) -> String {
        words[kind].map { $0.subject.render(values, library: partials) } ?? ""
    }

    func page(of kind: MailContent.Kind, subject: String, _ values: MailValues) -> String {
        let body = words[kind].map { $0.body.render(values, library: partials) } ?? ""
        let content: [String: Any] = ["subject": subject, "paragraphs": paragraphs(of: body)]
        return page.render(content)
    }

    /// What empty lines separate, each on one line.
    private func paragraphs(of body: String) -> [String] {
        body.split(separator: "\n", omittingEmptySubsequences: false)
            .split { $0.allSatisfy(\.isWhitespace) }
            .map { $0.joined(separator: " ") }
    }
}

/// The values of one mail as its templates ask for them. Used by one thread.
private final class MailValues: MustacheParent {
    private let values: [String: String?]
    /// What was asked for and is not there.
    private(set) var unknown: Set<String> = []

    /// - Parameters:
    ///   - name: how the recipient is greeted.
    ///   - billedWorkspace: the workspace that the mail is about, if its words do not say it.
    init(_ values: [String: String?], name: String?, billedWorkspace: String?) {
        let more = ["name": name, "billedWorkspace": billedWorkspace]
        self.values = values.merging(more) { _, more in more }
            .mapValues { $0.map(Self.onOneLine) }
    }

    func child(named name: String) -> Any? {
        guard let value = values[name] else {
            unknown.insert(name)
            return nil
        }
        return value
    }

    /// Without control characters: a value can end neither a line of a header nor a paragraph.
    private static func onOneLine(_ value: String) -> String {
        var text = String.UnicodeScalarView()
        for scalar in value.unicodeScalars {
            text.append(scalar.properties.generalCategory == .control ? " " : scalar)
        }
        return String(text)
    }
}
