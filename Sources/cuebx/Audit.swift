import ArgumentParser
import Foundation
import JSON
import LedgerStore
import Service
import Settings
import Shell
import Workspaces

struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Check the invariants of ledger and workspaces over the whole database.",
        discussion: """
            Reads one snapshot beside a live server and writes nothing. Exits with 1 and names \
            the rows where an invariant is broken.

            Examples:
              cuebx audit
              cuebx audit --json
            """)

    @OptionGroup var answer: AnswerOptions

    func run() async throws {
        let database = try await CareerCore.openExisting(try await Settings.load())
        let report: LedgerAudit.Report
        let ofWorkspaces: [WorkspaceAudit.Finding]
        do {
            report = try await ProgressBar.show("audit") { progress in
                try await LedgerAudit(database: database).run(progress: progress)
            }
            ofWorkspaces = try await WorkspaceAudit(database: database).run()
            try database.close()
        } catch {
            try database.close()
            throw error
        }
        let unnamed = report.found - Int64(report.findings.count)
        let found: [JSONValue] = report.findings.map {
            [
                "invariant": .int(Int64($0.invariant)), "row": .string($0.row),
                "problem": .string($0.problem),
            ]
        }
        let workspaces: [JSONValue] = ofWorkspaces.map {
            ["workspace": .string($0.workspace), "problem": .string($0.problem)]
        }
        let sum = report.found + Int64(ofWorkspaces.count)
        answer.tell(
            Answer(
                [
                    "accounts": .int(report.accounts), "logs": .int(report.logs),
                    "found": .int(sum), "findings": .array(found),
                    "workspaces": .array(workspaces),
                ],
                report.findings.map(\.description) + (unnamed > 0 ? ["… and \(unnamed) more"] : [])
                    + ofWorkspaces.map(\.description)
                    + ["\(report.accounts) accounts, \(report.logs) logs, \(sum) findings"]))
        if sum > 0 { throw ExitCode(1) }
    }
}
