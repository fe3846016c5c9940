import ArgumentParser
import Career
import Foundation

/// Where our mirror and Stripe differ.
struct StripeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stripe", abstract: "The mirror of Stripe.",
        subcommands: [Reconcile.self, Notices.self])

    struct Reconcile: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List where our mirror and Stripe differ.",
            discussion: "Exits with 1 where something differs and was not mended.")

        @Flag(help: "Mend what differs.")
        var repair = false

        func run() async throws {
            let core = try await CareerCore.openFromEnvironment()
            let services = try await CareerApplication(core).services
            let report = try await services.reconciliation.run(repair: repair)
            try core.close()
            for difference in report.differences { print(difference) }
            let verb = repair ? "mended" : "found"
            print("\(report.checked) customers, \(report.differences.count) differences \(verb)")
            if !report.differences.isEmpty && !repair { throw ExitCode(1) }
        }
    }

    struct Notices: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What an operator should know of, the newest first.")

        func run() async throws {
            let core = try await CareerCore.openFromEnvironment()
            let services = try await CareerApplication(core).services
            let lines = try await services.notices.list()
            try core.close()
            for line in lines { print(line) }
            if lines.isEmpty { print("No notices.") }
        }
    }
}
