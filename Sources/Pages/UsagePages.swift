import Career
import FoundationEssentials
import HTTPEndpoint
import JSON
import Ledger
import LedgerStore
import PageFrame
import UsageReports
import Values

/// What a list of calls is narrowed down to.
struct UsageFilter: Sendable {
    static let pageLength: Int64 = 25

    var cursor: UUID?
    var status: UsageLog.Status?
    var featureKey: String?
    var from: Timestamp?
    /// Not covered any more.
    var to: Timestamp?

    init() {}

    init(_ input: inout InputReader) {
        cursor = input.query("cursor", .cursor, "Where the page before ended.")
        status =
            Self.given("status", &input)
            ? input.query("status", .oneOf(UsageLog.Status.self), "Only of this state.") : nil
        featureKey =
            Self.given("feature_key", &input)
            ? input.query("feature_key", .text(1...255), "Only of this tool.") : nil
        from =
            Self.given("from", &input)
            ? input.query("from", .time, "The first day.") : nil
        to =
            Self.given("to", &input)
            ? input.query("to", .end, "The last day.") : nil
    }

    /// A form that asks by GET sends its empty fields too; they say nothing.
    private static func given(_ name: String, _ input: inout InputReader) -> Bool {
        input.text(query: name)?.isEmpty == false
    }

    /// The same days on the clocks of a zone; they were read as days in UTC.
    func shown(in zone: ReaderZone) -> UsageFilter {
        var shown = self
        shown.from = from.map { zone.instant(showing: $0) }
        shown.to = to.map { zone.instant(showing: $0) }
        return shown
    }

    /// The page of the API's list that begins here.
    func page(limit: Int64) -> ListUsageLogs.Page {
        // Ids are in the order of time, so the end of a span is a place in the list.
        let before = cursor ?? to.map { UUID.version7(at: $0, randomness: 0) }
        return ListUsageLogs.Page(
            before: before, limit: limit, status: status, featureKey: featureKey)
    }

    /// Those of the span, and whether more of it may follow.
    func within(
        _ items: [UsageLogResponse], next: String?
    ) -> (items: [UsageLogResponse], next: String?) {
        guard let from else { return (items, next) }
        let kept = items.filter { $0.log.createdAt >= from }
        return (kept, kept.count == items.count ? next : nil)
    }

    /// The address of the same list, from a cursor on.
    static func address(_ path: String, _ typed: [String: String], cursor: String?) -> String {
        var query = ["status", "feature_key", "from", "to"].compactMap { name -> String? in
            guard let value = typed[name], !value.isEmpty else { return nil }
            return "\(name)=\(QueryString.encode(value))"
        }
        if let cursor { query.append("cursor=\(QueryString.encode(cursor))") }
        return query.isEmpty ? path : path + "?" + query.joined(separator: "&")
    }

    /// What the fields of the form hold.
    var typed: [String: String] {
        var typed: [String: String] = [:]
        typed["status"] = status?.rawValue
        typed["feature_key"] = featureKey
        typed["from"] = from.map { String($0.rfc3339.prefix(10)) }
        // The form's last day is covered whole.
        typed["to"] = to.map { String($0.adding(micros: -1).rfc3339.prefix(10)) }
        return typed
    }
}

struct UsagePage: Page {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("usage", access: .user)

    var withoutInput: UsageFilter? { UsageFilter() }

    func read(_ input: inout InputReader) -> UsageFilter { UsageFilter(&input) }

    func view(_ filter: UsageFilter, _ visit: Visit) async throws -> PageView {
        let features = try await parts.career.currentCatalog().features.keys.sorted()
        let any = (value: "", text: words.html("usage.any"))
        let states = UsageLog.Status.allCases.map {
            (value: $0.rawValue, text: words.html("call.state.\($0.rawValue)"))
        }
        let form = PageForm(
            words,
            [
                FormField(
                    "feature_key",
                    .choice(
                        [any]
                            + features.map {
                                (value: $0, text: FeatureName.spoken($0).escapedForHTML)
                            })),
                FormField("status", .choice([any] + states)),
                FormField("from", .date, isNeeded: false), FormField("to", .date, isNeeded: false),
            ])
        let reply = try await parts.career.listUsageLogs.perform(
            filter.shown(in: visit.zone).page(limit: UsageFilter.pageLength), visit.call)
        let (items, next) = filter.shown(in: visit.zone).within(
            reply.output?.items ?? [], next: reply.output?.nextCursor)
        let typed = filter.typed
        let path = "/account/usage"
        return PageView(
            form.values(visit, typed)
                .with(
                    CallRows(
                        spoken: Spoken(words: words, zone: visit.zone), now: parts.now
                    ).values(items)
                )
                .with([
                    "is_narrowed": .bool(!typed.isEmpty || visit.attempt != nil),
                    "older": .text(next.map { UsageFilter.address(path, typed, cursor: $0) }),
                    "first": filter.cursor == nil
                        ? .null : .string(UsageFilter.address(path, typed, cursor: nil)),
                    "csv": .string(UsageFilter.address(path + ".csv", typed, cursor: nil)),
                ]))
    }
}

/// The same list as a file for a spreadsheet, all of it.
struct UsageCSV: Page {
    let parts: PageParts

    static let about = AboutPage("usage", access: .user)

    func read(_ input: inout InputReader) -> UsageFilter { UsageFilter(&input) }

    func view(_ filter: UsageFilter, _ visit: Visit) async throws -> PageView {
        PageView(
            .stream(
                name: "usage.csv", contentType: "text/csv; charset=utf-8",
                CallLines(
                    list: parts.career.listUsageLogs, filter: filter.shown(in: visit.zone),
                    call: visit.call)))
    }
}

/// Calls as lines of CSV (RFC 4180), page by page.
package struct CallLines: BodySource {
    private static let pageLength: Int64 = 100

    let list: ListUsageLogs
    var filter: UsageFilter
    let call: Call
    private var hasBegun = false
    private var isOver = false

    init(list: ListUsageLogs, filter: UsageFilter, call: Call) {
        self.list = list
        self.filter = filter
        self.call = call
    }

    package mutating func next() async throws -> [UInt8]? {
        guard hasBegun else {
            hasBegun = true
            return CSVLine.of([
                "time_utc", "usage_id", "request_id", "feature", "state", "credits_charged",
                "credits_reserved", "failure_reason",
            ])
        }
        guard !isOver else { return nil }
        let reply = try await list.perform(filter.page(limit: Self.pageLength), call)
        let (items, next) = filter.within(
            reply.output?.items ?? [], next: reply.output?.nextCursor)
        filter.cursor = next.flatMap { Cursor.parse($0) }
        isOver = filter.cursor == nil
        return items.flatMap { item in
            CSVLine.of([
                item.log.createdAt.rfc3339, item.log.id.text, item.log.key.requestID,
                item.log.featureKey, item.status.rawValue,
                item.log.creditsCharged?.decimal ?? "", item.log.creditsReserved.decimal,
                item.log.failure?.reason ?? "",
            ])
        }
    }
}
