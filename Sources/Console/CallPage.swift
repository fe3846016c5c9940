import FoundationEssentials
import HTTPEndpoint
import Ledger
import LedgerStore
import Operators
import PageFrame
import Values

/// A call: what it held and cost, and how it ended.
struct ConsoleCallPage: ConsolePage {
    let console: ConsoleParts

    static let about = AboutPage.console("people")

    func read(_ input: inout InputReader) -> UUID? {
        UUID(uuidString: input.path("usage_id", .text(1...64), "The call's id."))
    }

    func view(_ id: UUID?, _ desk: Desk) async throws -> PageView {
        guard let id,
            let log = try await console.database.read({ try UsageLogRow.find(id, in: $0) })
        else { throw Problem.notFound }
        var entry = desk.entry(.readPerson)
        entry.userID = log.key.userID
        entry.subject = log.id.text
        try await console.operators.journal.note(entry)
        let now = console.now
        var section = ConsoleSection("call.facts")
        section.facts = CallFacts(words: words, now: now).facts(log)
        section.acts = [("person", PeoplePage.place(log.key.userID))]
        return page(log.featureKey.escapedForHTML, [section])
    }
}

/// What is known of a call.
struct CallFacts: Sendable {
    let words: Words
    let now: Timestamp

    static func state(_ log: UsageLog, _ now: Timestamp) -> ConsoleTable.Cell {
        let status = log.status == .pending && log.isOverdue(at: now) ? .expired : log.status
        let tones: [UsageLog.Status: String] = [
            .pending: "wait", .success: "good", .failed: "bad", .expired: "warn",
        ]
        return .badge(status.rawValue, tone: tones[status] ?? "plain")
    }

    func facts(_ log: UsageLog) -> [(String, String)] {
        let spoken = Spoken(words: words)
        func time(_ instant: Timestamp?) -> String {
            instant.map { spoken.instant($0, now: now) } ?? "–"
        }
        var facts: [(String, String)] = []
        if case .badge(let state, let tone) = Self.state(log, now) {
            let text = ConsoleTable.stateText(state, words)
            facts.append(("state", "<span class=\"badge \(tone)\">\(text)</span>"))
        }
        facts += [
            ("held", log.creditsReserved.spoken),
            ("charged", log.creditsCharged?.spoken ?? "–"),
            ("not_charged", log.creditsNotCharged.spoken), ("began", time(log.createdAt)),
            ("expires", time(log.expiresAt)), ("ended", time(log.committedAt)),
        ]
        if let parent = log.parentID {
            facts.append(("parent", PersonFacts.code(parent.text)))
        }
        if log.creditsLent > .zero { facts.append(("lent", log.creditsLent.spoken)) }
        if let failure = log.failure {
            facts.append(("failure", "\(failure.type.rawValue): \(failure.reason.escapedForHTML)"))
        }
        let measured: [(String, String?)] = [
            ("model", log.metrics.modelUsed ?? log.call.model),
            ("tokens_in", log.metrics.inputTokens.map { String($0) }),
            ("tokens_out", log.metrics.outputTokens.map { String($0) }),
            ("latency", log.metrics.latencyMilliseconds.map { String($0) }),
            ("endpoint", log.call.method + " " + log.call.endpoint),
            ("client_ip", log.call.clientIP),
        ]
        facts += measured.compactMap { name, value in value.map { (name, $0.escapedForHTML) } }
        facts += [
            ("request", PersonFacts.code(log.key.requestID)), ("id", PersonFacts.code(log.id.text)),
            ("period", String(log.periodNumber)),
        ]
        return facts
    }
}
