import ArgumentParser
import Foundation
import LedgerStore
import Service
import Workspaces

struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Check the invariants of ledger and workspaces over the whole database.",
        discussion: """
            Reads one snapshot beside a live server and writes nothing. Exits with 1 and names \
            the rows where an invariant is broken.
            """)

    func run() async throws {
        let database = try await CareerCore.openExisting(try await Settings.load())
        let report: LedgerAudit.Report
        let ofWorkspaces: [WorkspaceAudit.Finding]
        do {
            report = try await LedgerAudit(database: database).run()
            ofWorkspaces = try await WorkspaceAudit(database: database).run()
            try database.close()
        } catch {
            try database.close()
            throw error
        }
        for finding in report.findings { print(finding) }
        let unnamed = report.found - Int64(report.findings.count)
        if unnamed > 0 { print("… and \(unnamed) more") }
        for finding in ofWorkspaces { print(finding) }
        let found = report.found + Int64(ofWorkspaces.count)
        print("\(report.accounts) accounts, \(report.logs) logs, \(found) findings")
        if found > 0 { throw ExitCode(1) }
    }
}
