import FoundationEssentials
import HTTPEndpoint
import JSON
import LedgerStore
import Operators
import PageFrame
import Workspaces

/// What the last runs of an act have found.
enum ResultTable {
    private static let runs = 5
    private static let lines = 20

    static func table(_ act: OperatorAct, _ console: ConsoleParts) async throws -> JSONObject {
        let lines = try await console.database.read {
            try JournalLine.page(before: nil, act: act, limit: runs, in: $0)
        }
        return ConsoleTable(
            [.init("when"), .init("operator"), .init("outcome"), .init("result")],
            lines.map { line in
                [
                    .time(line.createdAt), .text(line.actor),
                    .badge(line.outcome, tone: JournalTable.tones[line.outcome] ?? "plain"),
                    .text(line.subject),
                ]
            }
        ).values(console.words, now: console.now)
    }

    /// A result as the journal keeps it: a sum, and the first of what was found.
    static func text(_ sum: String, _ found: [String]) -> String {
        ([sum] + found.prefix(lines)).joined(separator: "; ")
    }
}

/// What the audit has found, and the way to run it.
struct AuditPage: ConsolePage {
    let console: ConsoleParts

    static let about = AboutPage.console("audit")

    func read(_ input: inout InputReader) {}

    func view(_ input: Void, _ desk: Desk) async throws -> PageView {
        var section = ConsoleSection("audit.results")
        section.text = words.html("console.audit.text")
        section.table = try await ResultTable.table(.audit, console)
        if desk.role.may(.audit) { section.acts = [("audit", "/console/audit/run")] }
        return page(words.html("console.audit"), [section])
    }
}

/// Checks the ledger's invariants in one snapshot, while nobody waits.
struct RunAuditPage: BackgroundActPage {
    let console: ConsoleParts

    static let about = AboutPage.console("audit", "console_act")
    static let act = OperatorAct.audit
    static let name = "audit.run"

    func places(_ input: Void) -> (action: String, back: String) {
        ("/console/audit/run", "/console/audit")
    }

    func carryOut(
        _ form: PlainActForm, _ input: Void, _ desk: Desk, line: UUID
    ) async throws -> Submitted {
        let audit = LedgerAudit(database: console.database)
        let workspaces = WorkspaceAudit(database: console.database)
        try await console.background.begin(.audit, line, console.operators.journal) {
            let (report, more) = (try await audit.run(), try await workspaces.run())
            let found = report.found + Int64(more.count)
            return ResultTable.text(
                "\(report.accounts) accounts, \(report.logs) logs, \(found) findings",
                report.findings.map(\.description) + more.map(\.description))
        }
        return Submitted("/console/audit", notice: "console_begun")
    }
}

/// Development only: moves the clock on by days.
struct MoveClockPage: ActPage {
    let console: ConsoleParts
    let advance: @Sendable (Int64, Call) async throws -> Void

    static let about = AboutPage.console("overview", "console_act")
    static let act = OperatorAct.moveClock
    static let name = "clock"

    struct Form: ActForm {
        let days: Int64
        let confirmation: Confirmation

        static let about = "How far, and why."

        init(_ reader: inout ObjectReader) {
            days = reader.required("days", .integer(0...3650), "Days.")
            confirmation = Confirmation(&reader)
        }
    }

    func read(_ input: inout InputReader) {}

    func fields(_ input: Void) -> [FormField] { [FormField("days", .number)] }

    func places(_ input: Void) -> (action: String, back: String) {
        ("/console/clock", "/console")
    }

    func question(_ input: Void) async throws -> (values: [String: String], facts: [String]) {
        ([:], [Spoken(words: words).instant(console.now, now: console.now)])
    }

    func describe(_ entry: inout OperatorEntry, _ form: Form, _ input: Void) {
        entry.subject = "\(form.days) days"
    }

    func carryOut(
        _ form: Form, _ input: Void, _ desk: Desk, line: UUID
    ) async throws -> Submitted {
        try await advance(form.days * 86_400, desk.visit.call)
        return Submitted("/console", notice: "clock_moved")
    }
}
