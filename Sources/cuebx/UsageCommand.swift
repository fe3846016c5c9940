import ArgumentParser
import Career
import Foundation
import JSON
import Ledger
import LedgerStore
import Service
import Settings
import Shell
import Values

/// Calls, for an operator who has a complaint to answer.
struct UsageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage", abstract: "Look at a metered call.", subcommands: [Explain.self])

    struct Explain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "explain",
            abstract: "Tell why a call was charged what it was charged.",
            discussion: """
                Prints a sentence and then, as JSON, what its user reads at \
                /career/usage/logs/{usage_id}. Reads one snapshot beside a live server and writes \
                nothing. Exits with 1 where there is no such call.

                Examples:
                  cuebx usage explain "$USAGE_ID"
                """)

        @OptionGroup var answer: AnswerOptions

        @Argument(help: "The call's usage_id.")
        var id: String

        func run() async throws {
            guard let usage = UUID(uuidString: id) else {
                throw FriendlyError("a usage_id is a UUID")
            }
            guard let explanation = try await explain(usage) else {
                throw FriendlyError("there is no such call")
            }
            var writer = JSONWriter()
            UsageExplanationResponse(explanation).write(to: &writer)
            let (user, call) = (explanation.log.key.userID.text, writer.take())
            answer.tell(
                Answer(
                    [
                        "user_id": .string(user), "sentence": .string(explanation.sentence),
                        "call": try JSONValue.parse(call),
                    ],
                    [
                        "user \(user)", explanation.sentence, String(decoding: call, as: UTF8.self),
                    ]))
        }

        /// - Returns: `nil` if there is no such call.
        private func explain(_ usage: UUID) async throws -> CallExplanation? {
            let settings = try await Settings.load()
            let database = try await CareerCore.openExisting(settings)
            do {
                let development =
                    settings.isDevelopment ? DevelopmentClock(database: database) : nil
                try await development?.refresh()
                let now = (development?.clock ?? .wall).now()
                let explanation = try await database.read { connection in
                    try CallRecord.explain(
                        usage, of: nil, CatalogStore(), at: now, in: connection)
                }
                try database.close()
                return explanation
            } catch {
                try database.close()
                throw error
            }
        }
    }
}
