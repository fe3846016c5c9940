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
                was granted and used stays.

                Examples:
                  cuebx users reset-clock ada@example.com --reason "A clock was a day ahead"
                """)

        @OptionGroup var answer: AnswerOptions

        @Argument(help: "The user's email or id.")
        var user: String

        @Option(help: "Why; kept with the subscription's history.")
        var reason: String

        func run() async throws {
            guard (1...1000).contains(reason.unicodeScalars.count) else {
                throw FriendlyError("the reason must have 1 to 1000 characters")
            }
            try await withAdministration { administration, core in
                let found = try await administration.require(user)
                switch try await core.ledger.resetClock(of: found.id, reason: reason) {
                case .noSubscription: throw FriendlyError("the user has no subscription")
                case .notInTheFuture:
                    answer.tell(
                        Answer(["reset": false], ["the account does not lie in the future"]))
                case .reset(let from, let account):
                    let to = account.context.decidedAt.rfc3339
                    answer.tell(
                        Answer(
                            ["reset": true, "from": .string(from.rfc3339), "to": .string(to)],
                            ["back from \(from.rfc3339) to \(to)"]))
                }
            }
        }
    }
}
