import ArgumentParser
import Foundation
import LedgerStore
import Service

struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Check the ledger's invariants over the whole database.",
        discussion: """
            Reads one snapshot beside a live server and writes nothing. Exits with 1 and names \
            the rows where an invariant is broken.
            """)

    func run() async throws {
        let database = try await CareerCore.openExisting(try await Settings.load())
        let report: LedgerAudit.Report
        do {
            report = try await LedgerAudit(database: database).run()
            try database.close()
        } catch {
            try database.close()
            throw error
        }
        for finding in report.findings { print(finding) }
        let unnamed = report.found - Int64(report.findings.count)
        if unnamed > 0 { print("… and \(unnamed) more") }
        print("\(report.accounts) accounts, \(report.logs) logs, \(report.found) findings")
        if report.found > 0 { throw ExitCode(1) }
    }
}
