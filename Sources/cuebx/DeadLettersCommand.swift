import ArgumentParser
import Career
import Foundation
import Messaging
import Service

/// Messages that were given up on.
struct DeadLettersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letters", abstract: "Messages that were given up on.",
        subcommands: [List.self, Show.self, Retry.self, Discard.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "The newest first.")

        func run() async throws {
            try await withDeadLetters { letters, _ in
                let found = try await letters.list()
                for letter in found {
                    print(
                        "\(letter.id.text)  \(letter.diedAt.rfc3339)  \(letter.queue)  "
                            + "\(letter.attempts) tries  \(letter.reason)")
                }
                if found.isEmpty { print("No dead letters.") }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "One letter, with its body.")

        @Argument(help: "The letter's id.")
        var id: String

        func run() async throws {
            let id = try letterID(self.id)
            try await withDeadLetters { letters, _ in
                guard let letter = try await letters.letter(id) else {
                    throw FriendlyError("no dead letter \(id.text)")
                }
                print(
                    """
                    id        \(letter.id.text)
                    queue     \(letter.queue)
                    request   \(letter.envelope.requestID ?? "-")
                    account   \(letter.envelope.accountID?.text ?? "-")
                    enqueued  \(letter.enqueuedAt.rfc3339)
                    died      \(letter.diedAt.rfc3339)
                    tries     \(letter.attempts)
                    reason    \(letter.reason)
                    body      \(letter.body)
                    """)
            }
        }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "retry", abstract: "Give a letter its tries anew.")

        @Argument(help: "The letter's id.")
        var id: String

        func run() async throws {
            let id = try letterID(self.id)
            try await withDeadLetters { letters, core in
                guard try await letters.retry(id, now: core.clock.now()) else {
                    throw FriendlyError("no dead letter \(id.text)")
                }
                print("will be tried again")
            }
        }
    }

    struct Discard: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "discard", abstract: "Throw a letter away for good.",
            discussion: "What a discarded commit still holds is given back in time.")

        @Argument(help: "The letter's id.")
        var id: String

        func run() async throws {
            let id = try letterID(self.id)
            try await withDeadLetters { letters, core in
                guard
                    try await DiscardDeadLetter(
                        letters: letters, ledger: core.ledger
                    ).discard(id)
                else {
                    throw FriendlyError("no dead letter \(id.text)")
                }
                print("discarded")
            }
        }
    }
}

private func letterID(_ text: String) throws -> UUID {
    guard let id = UUID(uuidString: text) else { throw FriendlyError("\(text) is no id") }
    return id
}

private func withDeadLetters(
    _ body: (DeadLetters, CareerCore) async throws -> Void
) async throws {
    let core = try await CareerCore.openFromEnvironment()
    do {
        try await body(DeadLetters(database: core.database), core)
    } catch {
        try core.close()
        throw error
    }
    try core.close()
}
