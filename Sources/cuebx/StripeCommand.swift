import ArgumentParser
import Billing
import Foundation
import JSON
import Service
import Settings
import Shell
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
            discussion: """
                Exits with 1 where something differs and was not, or cannot be, mended.

                Examples:
                  cuebx stripe reconcile
                  cuebx stripe reconcile --repair --json
                """)

        @Flag(help: "Mend what differs.")
        var repair = false

        @OptionGroup var answer: AnswerOptions

        func run() async throws {
            let core = try await CareerCore.openFromEnvironment()
            let reconciliation = try await CareerServices(core).reconciliation
            let report = try await ProgressBar.show("reconcile") { progress in
                try await reconciliation.run(repair: repair, progress: progress)
            }
            try core.close()
            let (found, left) = (report.differences.count, report.remaining.count)
            var lines = report.differences + ["\(report.checked) customers, \(found) differences"]
            if repair && found > 0 {
                lines += report.remaining.map { "not mended: \($0)" }
                lines.append(left == 0 ? "All are mended." : "\(left) differences remain.")
            }
            answer.tell(
                Answer(
                    [
                        "customers": .int(Int64(report.checked)),
                        "differences": .array(report.differences.map { .string($0) }),
                        "remaining": .array(report.remaining.map { .string($0) }),
                    ], lines))
            if left > 0 { throw ExitCode(1) }
        }
    }

    struct Notices: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "notices", abstract: "What an operator should know of, the newest first.",
            discussion: """
                Examples:
                  cuebx stripe notices
                """)

        /// The newest notices that one list shows.
        private static let most = 200

        @OptionGroup var answer: AnswerOptions

        func run() async throws {
            let core = try await CareerCore.openFromEnvironment()
            let notices = try await core.database.read {
                try MoneyReading.notices(before: nil, limit: Self.most, in: $0)
            }
            try core.close()
            let table = TextTable(
                ["created_at", "kind", "text"],
                notices.map { notice in
                    [
                        .init(.string(notice.createdAt.rfc3339)),
                        .init(.string(notice.kind), "\(notice.kind):"), .init(.string(notice.text)),
                    ]
                })
            answer.tell(Answer("notices", table, none: "No notices."))
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Look whether Stripe is set up: portal, prices, currency, webhooks.",
            discussion: """
                Changes nothing; exits with 1 if something is off.

                Examples:
                  cuebx stripe check
                """)

        @OptionGroup var answer: AnswerOptions

        func run() async throws {
            let settings = try await Settings.load()
            let core = try await CareerCore.openFromEnvironment()
            let services = try await CareerServices(core)
            var findings = try await settings.portalSetup().check()
            findings += try await services.prices.check()
            findings += try await services.apiPrices.check()
            findings += try await settings.webhookSetup().check()
            try core.close()
            try answer.tell(findings)
        }
    }
}

extension AnswerOptions {
    /// A line for each finding; exits with 1 if one is off.
    func tell(_ findings: [SetupFinding]) throws {
        tell(
            Answer(
                [
                    "findings": .array(
                        findings.map {
                            [
                                "is_right": .bool($0.isRight), "subject": .string($0.subject),
                                "text": .string($0.text),
                            ]
                        })
                ], findings.map(\.description)))
        guard findings.allSatisfy(\.isRight) else { throw ExitCode(1) }
    }
}
