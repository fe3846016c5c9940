import IdentityPages
import Ledger
import PageFrame
import Pages
import TestFixtures
import Testing
import Values

@Suite("What pages make of what they are given")
struct PageValueTests {
    @Test(
        "A sign-in leads to addresses of ours alone",
        arguments: [
            ("/account/plan?arriving=1", true), ("/pricing", true), ("//evil.test", false),
            ("/\\evil.test", false), ("https://evil.test", false), ("/", false),
            ("/account\r\nSet-Cookie: a=b", false), ("/%2F/evil.test", false),
            ("javascript:alert(1)", false), ("/account#x", false), ("", false),
            ("/account/" + String(repeating: "a", count: 1000), false),
        ])
    func wanted(text: String, isKept: Bool) {
        #expect(WantedPage.location(text) == (isKept ? text : "/account"))
        #expect(WantedPage.location(nil) == "/account")
    }

    @Test(
        "A cell that would begin a formula is a text, and what has a comma is quoted",
        arguments: [
            ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"), ("\r=1", "\"'\r=1\""), ("a=1", "a=1"), ("", ""),
            ("a,b", "\"a,b\""), ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=a,\"b\"", "\"'=a,\"\"b\"\"\""), ("two\nlines", "\"two\nlines\""),
        ])
    func cells(text: String, cell: String) {
        #expect(CSVLine.cell(text) == cell)
    }

    @Test("Features and devices have names that people read")
    func names() {
        #expect(FeatureName.spoken("career.extract_cues.resume") == "Extract cues: resume")
        #expect(FeatureName.spoken("match") == "Match")
        #expect(DeviceName.spoken("Mozilla/5.0 (X11; Linux) Firefox/130.0") == "Firefox, Linux")
        #expect(DeviceName.spoken("<script>") == "<script>")
    }

    @Test("Each way in which a call can end has its words")
    func callWords() throws {
        let words = try Words(language: "en", EmbeddedTemplates.english)
        let keys =
            UsageLog.FailureType.allCases.map { "failure.\($0.rawValue)" }
            + UsageLog.Status.allCases.flatMap { status in
                ["call.state", "call.sentence"].map { "\($0).\(status.rawValue)" }
            } + CallEvent.Kind.allCases.map { "call.step.\($0.rawValue)" }
            + ["call.step.PENDING", "call.step.prolonged"]
            + ["call.sentence.FAILED.parts", "call.sentence.EXPIRED.parts"]
            + ["price", "held", "charged"].flatMap { ["call.fact.\($0)", "call.fact.\($0).text"] }
        for key in keys { #expect(words.html(key) != key, "\(key)") }
    }
}
