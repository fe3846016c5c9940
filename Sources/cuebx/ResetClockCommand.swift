import ArgumentParser
import Foundation
import JSON
import Ledger
import Service
import Shell

extension Users {
    /// Mends an account that a process whose clock was ahead has decided on.
    struct ResetClock: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "reset-clock",
            abstract: "Take an account back that lies in the future.",
            discussion: """
                A process whose clock was ahead leaves an account in the future: its limits and \
                its month then last until the clocks get there. Set the clocks right first. What \
                was granted and used stays. The account of the user's personal workspace comes \
                back with it; a team's comes back by cuebx workspaces reset-clock.

                Examples:
                  cuebx users reset-clock ada@example.com --reason "A clock was a day ahead"
                """)

        @OptionGroup var answer: AnswerOptions

        @Argument(help: "The user's email or id.")
        var user: String

        @Option(help: "Why; kept with the subscription's history.")
        var reason: String

        func run() async throws {
            try ResetReason.check(reason)
            try await withAdministration { administration, core in
                let found = try await administration.require(user)
                let own = try await core.ledger.resetClock(of: found.id, reason: reason)
                let workspace = try await core.resetClockOfWorkspace(of: found.id, reason: reason)
                answer.tell(try Self.told(own, workspace))
            }
        }

        private static func told(
            _ own: Ledger.ResetClock.Outcome, _ workspace: Ledger.ResetClock.Outcome?
        ) throws -> Answer {
            var (told, lines): (JSONObject, [String]) = (["reset": false], [])
            if case .reset(let from, let account) = own {
                let to = account.context.decidedAt.rfc3339
                told = ["reset": true, "from": .string(from.rfc3339), "to": .string(to)]
                lines.append("back from \(from.rfc3339) to \(to)")
            }
            if case .reset(let from, let account) = workspace {
                let to = account.context.decidedAt.rfc3339
                told["workspace_from"] = .string(from.rfc3339)
                told["workspace_to"] = .string(to)
                lines.append("personal workspace: back from \(from.rfc3339) to \(to)")
            }
            if lines.isEmpty, own == .noSubscription {
                throw FriendlyError("the user has no subscription")
            }
            return Answer(told, lines.isEmpty ? [notInTheFuture] : lines)
        }
    }
}

extension WorkspacesCommand {
    /// Mends a workspace's account that a process whose clock was ahead has decided on.
    struct ResetClock: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "reset-clock",
            abstract: "Take a workspace's account back that lies in the future.",
            discussion: """
                A process whose clock was ahead leaves an account in the future: its calls are \
                then refused, or its limits last, until the clocks get there. Set the clocks \
                right first. What was granted and used stays.

                Examples:
                  cuebx workspaces reset-clock "$WORKSPACE_ID" --reason "A clock was a day ahead"
                """)

        @OptionGroup var answer: AnswerOptions

        @Argument(help: "The workspace's id, client id or slug; of a closed one its id.")
        var workspace: String

        @Option(help: "Why; kept with the subscription's history.")
        var reason: String

        func run() async throws {
            try ResetReason.check(reason)
            try await withWorkspaces { workspaces, core in
                let id = try await workspaces.accountID(of: workspace)
                switch try await core.resetClockOfWorkspace(id, reason: reason) {
                case .noSubscription:
                    throw FriendlyError("the workspace has no subscription")
                case .notInTheFuture:
                    answer.tell(Answer(["reset": false], [notInTheFuture]))
                case .reset(let from, let account):
                    let (from, to) = (from.rfc3339, account.context.decidedAt.rfc3339)
                    answer.tell(
                        Answer(
                            ["reset": true, "from": .string(from), "to": .string(to)],
                            ["back from \(from) to \(to)"]))
                }
            }
        }
    }
}

private let notInTheFuture = "the account does not lie in the future"

private enum ResetReason {
    static func check(_ reason: String) throws {
        guard (1...1000).contains(reason.unicodeScalars.count) else {
            throw FriendlyError("the reason must have 1 to 1000 characters")
        }
    }
}
