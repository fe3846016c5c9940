import JSON
import PageFrame
import Testing
import Values

@Suite("Words and templates")
struct WordsTests {
    private func words() throws -> Words {
        try Words(language: "en", EmbeddedTemplates.english)
    }

    @Test("All templates compile with the words of English")
    func compile() throws {
        try Templates(try words()).check()
    }

    @Test("A template that asks for words or a partial that there are not is a flaw")
    func missing() throws {
        for text in ["[[no.such.words]]", "{{>no_such_partial}}", "{{#open}}"] {
            #expect(throws: PageFlaw.self) {
                try Templates(try words(), ["a": text]).check()
            }
        }
    }

    @Test("Words without a sign, or twice, stop the start")
    func broken() {
        #expect(throws: PageFlaw.self) { try Words(language: "en", "a = b\nnonsense") }
        #expect(throws: PageFlaw.self) { try Words(language: "en", "a = b\na = c") }
        #expect(throws: PageFlaw.self) { try Words(language: "en", "a = {{#b}}") }
    }

    @Test("What goes in unescaped is named as HTML, in every template")
    func unescaped() {
        for (name, text) in EmbeddedTemplates.all {
            for match in text.matches(of: /\{\{\{([\w.#]+)\}\}\}/) where match.1 != "." {
                #expect(match.1.hasSuffix("_html"), "\(name): \(match.1)")
            }
        }
    }

    @Test("A value is escaped where it stands")
    func escaping() throws {
        let nasty = "<b>\"'&"
        let words = try Words(language: "en", "a = Hello {{name}}\nb = {{{time}}}")
        #expect(words.html("a", ["name": nasty]) == "Hello &lt;b&gt;&quot;&#39;&amp;")
        #expect(words.html("b", ["time": "<time>"]) == "<time>")
        #expect(nasty.escapedForHTML == "&lt;b&gt;&quot;&#39;&amp;")
    }

    @Test("Days and amounts as a person reads them")
    func spoken() throws {
        let spoken = Spoken(words: try words())
        let now = try #require(Timestamp(rfc3339: "2026-11-30T02:05:00Z"))
        let january = try #require(Timestamp(rfc3339: "2027-01-04T23:59:59.5Z"))
        #expect(
            spoken.day(january, now: now)
                == "<time datetime=\"2027-01-04T23:59:59Z\" title=\"2027-01-04 23:59:59 UTC\">"
                + "4 January 2027</time>")
        #expect(spoken.day(now, now: now).hasSuffix(">30 November</time>"))
        #expect(spoken.instant(now, now: now).hasSuffix(">30 November, 02:05</time>"))
        for (decimal, text) in [
            ("0", "0.00"), ("1949.99", "1,949.99"), ("-1234567.5", "−1,234,567.50"),
            ("0.000001", "0.000001"), ("100", "100.00"),
        ] {
            #expect(Credits(decimal: decimal)?.spoken == text)
        }
    }
}
