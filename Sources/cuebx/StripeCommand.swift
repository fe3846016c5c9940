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
            discussion: "Exits with 1 where something differs and was not, or cannot be, mended.")

        @Flag(help: "Mend what differs.")
        var repair = false

        func run() async throws {
            let core = try await CareerCore.openFromEnvironment()
            let services = try await CareerApplication(core).services
            let report = try await services.reconciliation.run(repair: repair)
            try core.close()
            for difference in report.differences { print(difference) }
            let (found, left) = (report.differences.count, report.remaining.count)
            print("\(report.checked) customers, \(found) differences")
            if repair && found > 0 {
                for difference in report.remaining { print("not mended: \(difference)") }
                print(left == 0 ? "All are mended." : "\(left) differences remain.")
            }
            if left > 0 { throw ExitCode(1) }
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
