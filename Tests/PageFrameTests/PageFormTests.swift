import HTTPEndpoint
import JSON
import PageFrame
import Testing

@Suite("Forms that were refused, and where they come from")
struct PageFormTests {
    private func values(
        _ fields: [FormField], _ problem: Problem, typed: [String: String],
        isOfOtherForm: Bool = false, stored: [String: String] = [:]
    ) throws -> JSONObject {
        let words = try Words(language: "en", EmbeddedTemplates.english)
        let visit = Visit(
            call: Call(id: "r", headers: .none, remoteAddress: ""),
            attempt: Visit.Attempt(typed: typed, problem: problem))
        return PageForm(words, fields).values(isOfOtherForm ? visit.atOtherForm : visit, stored)
    }

    @Test("A form keeps what is stored while it says what was wrong with the page's other form")
    func otherForm() throws {
        let fields = [
            FormField("email", .email),
            FormField("role", .choice([("admin", "Admin"), ("member", "Member")])),
        ]
        let stored = ["email": "a@b.test", "role": "member"]
        for problem in [
            Problem(409, "no_seat_left", "T", "D"), Problem(409, "already_member", "T", "D"),
            Problem.invalid([FieldError(["body", "role"], "", type: "missing")]),
        ] {
            let values = try values(
                fields, problem, typed: ["role": "admin"], isOfOtherForm: true, stored: stored)
            let items = try #require(values["fields"]?.array)
            #expect(items[0]["value"]?.string == "a@b.test")
            let chosen = items[1]["choices"]?.array?.map { $0["is_chosen"]?.bool }
            #expect(chosen == [false, true])
            #expect(items.allSatisfy { $0["has_focus"]?.bool == false })
            #expect(items.allSatisfy { $0["error_html"] == .null })
            let summary = try #require(values["problem"]?["items"]?.array)
            #expect(summary.count == 1 && summary[0]["href"] == .null)
        }
        let visit = Visit(
            call: Call(id: "r", headers: .none, remoteAddress: ""),
            attempt: Visit.Attempt(typed: [:], problem: Problem(409, "x", "T", "D")))
        #expect(visit.atOtherForm.atOtherForm.attempt?.isOfAnotherForm == false)
    }

    @Test("What was typed stays, but passwords and codes; the first wrong field has the focus")
    func kept() throws {
        let problem = Problem.invalid([
            FieldError(["body", "password"], "", type: "string_too_short"),
            FieldError(["body", "otp_code"], "", type: "missing"),
        ])
        let typed = ["email": "a@b.test", "password": "secret1", "otp_code": "123456"]
        let values = try values(
            [
                FormField("email", .email), FormField("password", .newPassword),
                FormField("otp_code", .code),
            ], problem, typed: typed)
        let fields = try #require(values["fields"]?.array)
        #expect(fields[0]["value"]?.string == "a@b.test")
        #expect(fields[1]["value"] == nil && fields[2]["value"] == nil)
        #expect(fields.map { $0["has_focus"]?.bool } == [false, true, false])
        #expect(fields[1]["described_by"]?.string == "password-hint password-error")
        let items = try #require(values["problem"]?["items"]?.array)
        #expect(items.map { $0["href"]?.string } == ["#password", "#otp_code"])
    }

    @Test("A refusal that is about one field stands beside it, and the summary leads to it")
    func ofOneField() throws {
        let fields = [FormField("seat_count", .number), FormField("slug", .text(autocomplete: ""))]
        let typed = ["seat_count": "9", "slug": "acme"]
        for (code, place) in [("seats_outside_plan", 0), ("slug_taken", 1)] {
            let values = try values(fields, Problem(409, code, "T", "D"), typed: typed)
            let items = try #require(values["fields"]?.array)
            let summary = try #require(values["problem"]?["items"]?.array)
            #expect(summary.map { $0["href"]?.string } == [place == 0 ? "#seat_count" : "#slug"])
            #expect(items[place]["error_html"] == summary[0]["text_html"])
            #expect(items.map { $0["has_focus"]?.bool } == [place == 0, place == 1])
            #expect(items[1 - place]["error_html"] == .null)
            #expect(items.map { $0["value"]?.string } == ["9", "acme"])
        }
    }

    @Test("A refusal that is about no field stands in the summary alone")
    func summary() throws {
        let problem = Problem(409, "no_such_code", "T", "A <b>detail</b>.")
        let values = try values([FormField("email", .email)], problem, typed: [:])
        let items = try #require(values["problem"]?["items"]?.array)
        #expect(items.count == 1)
        #expect(items[0]["text_html"]?.string == "A &lt;b&gt;detail&lt;/b&gt;.")
    }

    @Test("A link out of a refusal leads to the web and nowhere else")
    func links() throws {
        for (url, isShown) in [("https://bank.test/x", true), ("javascript:alert(1)", false)] {
            var problem = Problem(402, "payment_needs_action", "T", "D")
            problem.members["url"] = url
            let values = try values([], problem, typed: [:])
            #expect((values["problem"]?["items"]?[0]?["href"]?.string == url) == isShown)
        }
    }

    @Test(
        "Origins of other sites are foreign",
        arguments: [
            ("https://career.test", "career.test", false), ("http://career.test", "x", true),
            ("https://evil.test", "career.test", true), ("null", "career.test", true),
            ("https://career.test.evil.test", "career.test", true), ("", "career.test", true),
            ("https://career.test:444", "career.test", true),
            ("http://127.0.0.1:8080", "127.0.0.1:8080", false),
            ("https://CAREER.test", "other", false), ("career.test", "career.test", true),
        ])
    func origins(origin: String, host: String, isForeign: Bool) {
        let headers = RequestHeaders(["Origin": origin, "Host": host])
        #expect(
            FormOrigin.isForeign(headers, publicURL: "https://career.test/base") == isForeign)
    }

    @Test("Without an origin what the browser says of the site counts")
    func sites() {
        for (site, isForeign) in [
            ("same-origin", false), ("none", false), ("same-site", true), ("cross-site", true),
        ] {
            let headers = RequestHeaders(["Sec-Fetch-Site": site, "Host": "career.test"])
            #expect(FormOrigin.isForeign(headers, publicURL: "https://c.test") == isForeign)
        }
        #expect(!FormOrigin.isForeign(.none, publicURL: "https://c.test"))
    }

    @Test("Cookies are found by their whole names, and over TLS are the host's own")
    func cookies() {
        let headers = RequestHeaders([
            "Cookie": "a=1; cuebx_session=plain; __Host-cuebx_session=sealed; cuebx_session=later"
        ])
        #expect(Cookies(headers, isSecure: false)[.session] == "plain")
        #expect(Cookies(headers, isSecure: true)[.session] == "sealed")
        #expect(Cookies(.none, isSecure: true)[.visit] == nil)
        let secure = Cookies.field(.session, "v", isSecure: true).value
        #expect(secure == "__Host-cuebx_session=v; Path=/; HttpOnly; SameSite=Lax; Secure")
        let plain = Cookies.field(.notice, "", seconds: 0, isSecure: false).value
        #expect(plain == "cuebx_notice=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0")
    }
}
