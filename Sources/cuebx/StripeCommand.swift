import ArgumentParser
import Foundation
import Service
import StripeSetup

/// Where our mirror and Stripe differ.
struct StripeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stripe", abstract: "The mirror of Stripe.",
        subcommands: [
            Reconcile.self, Notices.self, Check.self, WebhooksCommand.self, PortalCommand.self,
        ])

    struct Reconcile: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "reconcile", abstract: "List where our mirror and Stripe differ.",
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
            commandName: "notices", abstract: "What an operator should know of, the newest first.")

        func run() async throws {
            let core = try await CareerCore.openFromEnvironment()
            let services = try await CareerApplication(core).services
            let lines = try await services.notices.list()
            try core.close()
            for line in lines { print(line) }
            if lines.isEmpty { print("No notices.") }
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Look whether Stripe is set up: portal, prices, currency, webhooks.",
            discussion: "Changes nothing; exits with 1 if something is off.")

        func run() async throws {
            let settings = try await Settings.load()
            let core = try await CareerCore.openFromEnvironment()
            let services = try await CareerApplication(core).services
            var findings = try await settings.portalSetup().check()
            findings += try await services.prices.check()
            findings += try await services.apiPrices.check()
            findings += try await settings.webhookSetup().check()
            try core.close()
            try tell(findings)
        }
    }
}

/// Prints a line for each finding; exits with 1 if one is off.
func tell(_ findings: [SetupFinding]) throws {
    for finding in findings { print(finding) }
    guard findings.allSatisfy(\.isRight) else { throw ExitCode(1) }
}
