import HTTPEndpoint
import JSON
import Ledger
import LedgerStore
import PageFrame
import Values

/// Development only: the mails that would have been sent.
struct MailPage: Page {
    let development: DevelopmentParts
    let parts: PageParts
    let words: Words

    static let about = AboutPage("mail", access: .everybody)

    /// The newest mails that are shown.
    private static let maximumMails = 25

    func read(_ input: inout InputReader) {}

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        let mails = try await development.mails().prefix(Self.maximumMails)
        let spoken = Spoken(words: words)
        let now = parts.now
        return PageView([
            "has_mails": .bool(!mails.isEmpty),
            "mails": .array(
                mails.map { mail in
                    [
                        "to": .string(mail.to), "subject": .string(mail.subject),
                        "when_html": .string(spoken.instant(mail.sentAt, now: now)),
                        "paragraphs": .array(
                            mail.text.split(separator: "\n\n").map { .string(String($0)) }),
                    ]
                }),
        ])
    }
}

/// Development only: the clock, and how it is moved.
struct TimePage: FormPage {
    let development: DevelopmentParts
    let parts: PageParts
    let words: Words

    static let about = AboutPage("time", access: .everybody)

    struct Form: JSONInput {
        let days: Int64

        static let about = "How far the clock goes forward."

        init(_ reader: inout ObjectReader) {
            days = reader.required("days", .integer(0...3650), "Days.")
        }
    }

    func read(_ input: inout InputReader) {}

    func read(form: inout InputReader) -> Form { form.body(Form.self) }

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        let now = parts.now
        return PageView(
            PageForm(words, [FormField("days", .number)]).values(visit, ["days": "1"]).with([
                "now_html": .string(Spoken(words: words).instant(now, now: now))
            ]))
    }

    func submit(_ form: Form, _ input: Void, _ visit: Visit) async throws -> Submitted {
        try await development.advance(form.days * 86_400, visit.call)
        return Submitted("/dev/time", notice: "clock_moved")
    }
}

/// Development only: each component with made-up values.
struct ComponentsPage: Page {
    static let about = AboutPage("components", access: .everybody)

    func read(_ input: inout InputReader) {}

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        PageView([
            "names": .array(ComponentPage.names.map { ["name": .string($0)] })
        ])
    }
}

struct ComponentPage: Page {
    let parts: PageParts
    let words: Words
    let templates: Templates

    static let about = AboutPage("component", access: .everybody)
    static let names = [
        "badge", "bars", "calls", "columns", "confirm", "copy", "empty", "field", "lines", "meter",
        "notice", "plan_card", "problem", "timeline",
    ]

    func read(_ input: inout InputReader) -> String {
        input.path("component", .text(1...40), "The component's name.")
    }

    func view(_ name: String, _ visit: Visit) async throws -> PageView {
        guard Self.names.contains(name) else { throw Problem.notFound }
        let samples = try await samples(of: name, visit)
        let html = try samples.map { try templates.render(name, $0) }
        return PageView([
            "name": .string(name), "sample_html": .string(html.joined(separator: "\n")),
        ])
    }

    private func samples(of name: String, _ visit: Visit) async throws -> [JSONObject] {
        switch name {
        case "bars": [charts.bars(Self.features)].compactMap { $0.object }
        case "columns": [charts.columns(days, days: 30, now: parts.now)].compactMap { $0.object }
        case "lines": [charts.lines(days, days: 30, now: parts.now)].compactMap { $0.object }
        case "calls": [["has_calls": false, "calls": []]]
        case "plan_card":
            try await PricingPage.plans(parts, words, visit).array?.compactMap { $0.object } ?? []
        case "field", "problem": form(name)
        case "confirm": [ConfirmStep(words, "signout", action: "/signout", back: "/").values(visit)]
        default: Self.fixed[name] ?? []
        }
    }

    private var charts: UsageCharts { UsageCharts(words: words) }

    /// A form that was refused, as fields or as its summary.
    private func form(_ name: String) -> [JSONObject] {
        let problem = Problem.invalid([FieldError(["body", "email"], "", type: "missing")])
        let visit = Visit(
            call: Call(id: "", headers: RequestHeaders.none, remoteAddress: ""),
            attempt: Visit.Attempt(typed: ["full_name": "Ada"], problem: problem))
        let values = PageForm(
            words,
            [
                FormField("email", .email), FormField("full_name", .text(autocomplete: "name")),
                FormField("new_password", .newPassword), FormField("otp_code", .code),
                FormField("remember_me", .tick),
            ]
        ).values(visit)
        guard name == "field" else { return [values] }
        return values["fields"]?.array?.compactMap { $0.object } ?? []
    }

    private static let features = [
        UsageSum(
            key: "career.job_match", requests: 12, succeeded: 11, failed: 1,
            creditsCharged: Credits(clamping: 11_000_000)),
        UsageSum(
            key: "career.career_path", requests: 3, succeeded: 3, failed: 0,
            creditsCharged: Credits(clamping: 6_000_000)),
    ]

    private var days: [UsageSum] {
        (0..<30).map { (place: Int64) in
            let day = parts.now.adding(seconds: -86_400 * place).rfc3339.prefix(10)
            return UsageSum(
                key: String(day), requests: place % 7, succeeded: place % 7, failed: 0,
                creditsCharged: Credits(clamping: place % 7 * 1_500_000))
        }
    }

    private static let fixed: [String: [JSONObject]] = [
        "badge": ["good", "warn", "bad", "wait"].map {
            ["tone": .string($0), "text_html": .string($0)]
        },
        "notice": ["good", "warn", "bad"].map { ["tone": .string($0), "text_html": .string($0)] },
        "copy": [["id": "key", "label_html": "Key", "value": "cue_0123456789abcdef"]],
        "empty": [["text_html": "Nothing here yet.", "href": "/", "label_html": "Begin"]],
        "meter": [
            [
                "used": "120.50", "held": "40.00", "left": "339.50", "used_width": "241",
                "held_width": "80", "label": "120.50 used, 40.00 held, 339.50 left",
            ]
        ],
        "timeline": [
            [
                "steps": [
                    ["what_html": "1.00 credits held", "when_html": "30 November, 12:00"],
                    ["what_html": "Succeeded", "when_html": "30 November, 12:01"],
                ]
            ]
        ],
    ]
}
