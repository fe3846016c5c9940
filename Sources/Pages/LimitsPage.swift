import Career
import HTTPEndpoint
import JSON
import Ledger
import Metering
import PageFrame
import UsageReports
import Values

/// What users let themselves spend in a day and in a month.
struct LimitsPage: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("limits", access: .user)

    /// The percentages of an alert come as one text.
    struct Form: JSONInput {
        let limits: SpendingLimits

        static let about = "The limits from now on."

        init(_ reader: inout ObjectReader) {
            limits = SpendingLimits(
                daily: reader.optional("daily_credits", .credits(from: .zero), "A day."),
                monthly: reader.optional("monthly_credits", .credits(from: .zero), "A month."),
                alertAt: reader.optional("alert_at", .percentages, "With commas between.") ?? [])
        }
    }

    func read(_ input: inout InputReader) {}

    func read(form: inout InputReader) -> Form { form.body(Form.self) }

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        let reply = try await parts.career.spendingLimits.perform((), visit.call)
        guard let standing = reply.output else { throw Problem.internalError }
        let limits = standing.limits
        let form = PageForm(
            words,
            [
                FormField("daily_credits", .amount, isNeeded: false),
                FormField("monthly_credits", .amount, isNeeded: false),
                FormField("alert_at", .text(autocomplete: "off"), isNeeded: false),
            ])
        let now = parts.now
        return PageView(
            form.values(
                visit,
                [
                    "daily_credits": limits.daily?.decimal ?? "",
                    "monthly_credits": limits.monthly?.decimal ?? "",
                    "alert_at": limits.alertAt.map(String.init).joined(separator: ", "),
                ]
            ).with([
                "day": .object(meter(.day, standing.day, limits.daily, now)),
                "month": .object(meter(.month, standing.month, limits.monthly, now)),
            ]))
    }

    /// What was spent in a window, beside its limit if there is one.
    private func meter(
        _ window: SpendingLimits.Window, _ used: Credits, _ limit: Credits?, _ now: Timestamp
    ) -> JSONObject {
        let end = window.end(from: window.start(of: now))
        let values = ["used": used.spoken, "limit": limit?.spoken ?? ""]
        let isDay = window == .day
        let free = isDay ? "limits.day.free" : "limits.month.free"
        let limited = isDay ? "limits.day" : "limits.month"
        return [
            "text_html": .string(words.html(limit == nil ? free : limited, values)),
            "end_html": .string(
                words.html(
                    "limits.again", ["when": Spoken(words: words).instant(end, now: now)])),
            "width": limit.map {
                .int(UsageCharts.share(min(used, $0).micros, of: $0.micros, 1000))
            } ?? .null,
        ]
    }

    func submit(_ form: Form, _ input: Void, _ visit: Visit) async throws -> Submitted {
        _ = try await parts.career.limitSpending.perform(
            SpendingLimitsRequest(form.limits), visit.call)
        return Submitted("/account/limits", notice: "limits_saved")
    }
}

extension InputKind where Value == [Int64] {
    /// Whole numbers from 1 to 100, at most ten, with commas or spaces between them.
    fileprivate static var percentages: InputKind<[Int64]> {
        InputKind<String>.text(0...60)
            .satisfying("percentages", "must be whole numbers from 1 to 100, with commas between") {
                let numbers = numbers(of: $0)
                return numbers.count <= 10
                    && numbers.allSatisfy { $0.map { (1...100).contains($0) } ?? false }
            }
            .map(placeholder: []) { numbers(of: $0).compactMap { $0 } }
    }

    private static func numbers(of text: String) -> [Int64?] {
        text.split { $0 == "," || $0 == " " }.map { Int64($0) }
    }
}
