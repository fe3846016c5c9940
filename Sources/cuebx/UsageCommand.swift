import ArgumentParser
import Database
import Foundation
import JSON
import Ledger
import LedgerStore
import Service
import Settings
import Shell
import UsageReports
import Values
import WorkspaceAccounts

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
                /career/usage/logs/{usage_id}, or its workspace's members at \
                /api/workspaces/{workspace_id}/usage/logs/{usage_id}. Reads one snapshot beside a \
                live server and writes nothing. Exits with 1 where there is no such call.

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
            guard let told = try await explain(usage) else {
                throw FriendlyError("there is no such call")
            }
            let (sentence, call) = (told.call.sentence, told.json)
            let holder = told.call.log.key.userID.text
            answer.tell(
                Answer(
                    [
                        "\(told.holder)_id": .string(holder), "sentence": .string(sentence),
                        "call": try JSONValue.parse(call),
                    ],
                    ["\(told.holder) \(holder)", sentence, String(decoding: call, as: UTF8.self)]))
        }

        /// A call, and what its holder reads of it.
        private struct Told {
            /// Who its account is of: `user` or `workspace`.
            let holder: String
            let call: CallExplanation
            let json: [UInt8]

            init(
                _ holder: String, _ call: CallExplanation, _ write: (inout JSONWriter) -> Void
            ) {
                (self.holder, self.call) = (holder, call)
                var writer = JSONWriter()
                write(&writer)
                json = writer.take()
            }
        }

        /// - Returns: `nil` if there is no such call.
        private func explain(_ usage: UUID) async throws -> Told? {
            let settings = try await Settings.load()
            let database = try await CareerCore.openExisting(settings)
            do {
                let development =
                    settings.isDevelopment ? DevelopmentClock(database: database) : nil
                try await development?.refresh()
                let now = (development?.clock ?? .wall).now()
                let told = try await database.read { try find(usage, at: now, in: $0) }
                try database.close()
                return told
            } catch {
                try database.close()
                throw error
            }
        }

        private func find(
            _ usage: UUID, at now: Timestamp, in connection: any DatabaseConnection
        ) throws -> Told? {
            let ofUser = try CallRecord.explain(
                usage, of: nil, CatalogStore(), at: now, in: connection)
            if let ofUser {
                return Told("user", ofUser) { UsageExplanationResponse(ofUser).write(to: &$0) }
            }
            let ofWorkspace = try APIUsageExplanationResponse.find(
                usage, of: nil, CatalogStore(of: .api), at: now, in: connection)
            return ofWorkspace.map { answer in
                Told("workspace", answer.told.call) { answer.write(to: &$0) }
            }
        }
    }
}
