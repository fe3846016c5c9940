import Career
import FoundationEssentials
import HTTPEndpoint
import History
import JSON
import PageFrame
import Values

/// What tools have kept for the visitor.
struct HistoryPage: Page {
    static let pageLength: Int64 = 25

    let parts: PageParts
    let words: Words

    static let about = AboutPage("history", access: .user)

    var withoutInput: UUID?? { .some(nil) }

    func read(_ input: inout InputReader) -> UUID? {
        input.query("before", .cursor, "Where the page before ended.")
    }

    func view(_ before: UUID?, _ visit: Visit) async throws -> PageView {
        let user = try visit.call.user().userID
        let (results, hasMore) = try await parts.career.resultTitles(
            of: user, before: before, limit: Self.pageLength)
        let spoken = Spoken(words: words, zone: visit.zone)
        let now = parts.now
        let path = "/account/history"
        return PageView([
            "has_results": .bool(!results.isEmpty),
            "results": .array(
                results.map { result in
                    [
                        "id": .string(result.id.text), "title": .string(result.title),
                        "feature": .string(FeatureName.spoken(result.featureKey)),
                        "when_html": .string(spoken.instant(result.createdAt, now: now)),
                    ]
                }),
            "first": before == nil ? .null : .string(path),
            "older": .text(
                hasMore ? results.last.map { "\(path)?before=\(Cursor.text($0.id))" } : nil),
        ])
    }
}

/// One result: its beginning, and the whole of it as a file.
struct ResultPage: Page {
    /// Characters of the data that the page shows.
    static let shownCharacters = 20_000

    let parts: PageParts
    let words: Words

    static let about = AboutPage("result", access: .user)

    func read(_ input: inout InputReader) -> UUID? { input.pageResultID() }

    func view(_ id: UUID?, _ visit: Visit) async throws -> PageView {
        let result = try await parts.result(id, of: visit)
        let text = try JSONValue.parse(result.data).prettyText
        let shown = String(text.prefix(Self.shownCharacters))
        return PageView([
            "id": .string(result.id.text), "title": .string(result.title),
            "feature": .string(FeatureName.spoken(result.featureKey)),
            "usage_id": .string(result.usageID.text),
            "when_html": .string(
                Spoken(words: words, zone: visit.zone).instant(result.createdAt, now: parts.now)),
            "data": .string(shown), "is_cut": .bool(shown.count < text.count),
        ])
    }
}

struct ResultFile: Page {
    let parts: PageParts

    static let about = AboutPage("result", access: .user)

    func read(_ input: inout InputReader) -> UUID? { input.pageResultID() }

    func view(_ id: UUID?, _ visit: Visit) async throws -> PageView {
        let result = try await parts.result(id, of: visit)
        return PageView(
            .stream(
                name: "result.json", contentType: "application/json",
                OnePiece(bytes: Array(result.data.utf8))))
    }

    private struct OnePiece: BodySource {
        var bytes: [UInt8]?

        mutating func next() -> [UInt8]? {
            defer { bytes = nil }
            return bytes
        }
    }
}

struct DeleteResultPage: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("delete_result", access: .user)

    func read(_ input: inout InputReader) -> UUID? { input.pageResultID() }

    func read(form: inout InputReader) {}

    func view(_ id: UUID?, _ visit: Visit) async throws -> PageView {
        let result = try await parts.result(id, of: visit)
        let path = "/account/history/\(result.id.text)"
        var step = ConfirmStep(words, "delete_result", action: path + "/delete", back: path)
        step.values = ["title": result.title]
        step.facts = [words.html("delete_result.gone"), words.html("delete_result.charged")]
        step.isDanger = true
        return PageView(step.values(visit))
    }

    func submit(_ form: Void, _ id: UUID?, _ visit: Visit) async throws -> Submitted {
        guard let id else { throw Problem.notFound }
        _ = try await parts.career.deleteHistoryItem.perform(id, visit.call)
        return Submitted("/account/history", notice: "result_deleted")
    }
}

extension InputReader {
    /// What is no id is nobody's result.
    fileprivate mutating func pageResultID() -> UUID? {
        UUID(uuidString: path("result_id", .text(1...64), "The result's id."))
    }
}

extension PageParts {
    /// - Throws: ``Problem`` 404 if there is no such result of the visitor's.
    fileprivate func result(_ id: UUID?, of visit: Visit) async throws -> AnalysisResult {
        guard let id,
            let reply = try await career.getHistoryItem.perform(id, visit.call).output
        else { throw Problem.notFound }
        return reply.result
    }
}
