import ArgumentParser
import Career
import Foundation
import JSON
import Messaging
import Service
import Shell

/// Messages that were given up on.
struct DeadLettersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letters", abstract: "Messages that were given up on.",
        subcommands: [List.self, Show.self, Retry.self, Discard.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "The newest first.",
            discussion: """
                Examples:
                  cuebx dead-letters list
                """)

        @OptionGroup var answer: AnswerOptions

        func run() async throws {
            try await withDeadLetters { letters, _ in
                let table = TextTable(
                    ["id", "died_at", "queue", "tries", "reason"],
                    try await letters.list().map { letter in
                        [
                            .init(.string(letter.id.text)), .init(.string(letter.diedAt.rfc3339)),
                            .init(.string(letter.queue)),
                            .init(.int(letter.attempts), "\(letter.attempts) tries"),
                            .init(.string(letter.reason)),
                        ]
                    })
                answer.tell(Answer("dead_letters", table, none: "No dead letters."))
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "One letter, with its body.",
            discussion: """
                Examples:
                  cuebx dead-letters show "$LETTER_ID"
                """)

        @OptionGroup var answer: AnswerOptions

        @Argument(help: "The letter's id.")
        var id: String

        func run() async throws {
            let id = try letterID(self.id)
            try await withDeadLetters { letters, _ in
                guard let letter = try await letters.letter(id) else {
                    throw FriendlyError("no dead letter \(id.text)")
                }
                answer.tell(
                    Answer(
                        facts: [
                            "id", "queue", "request", "account", "enqueued", "died", "tries",
                            "reason", "body",
                        ],
                        [
                            .init(.string(letter.id.text)), .init(.string(letter.queue)),
                            .init(letter.envelope.requestID.map { .string($0) } ?? .null),
                            .init(letter.envelope.accountID.map { .string($0.text) } ?? .null),
                            .init(.string(letter.enqueuedAt.rfc3339)),
                            .init(.string(letter.diedAt.rfc3339)), .init(.int(letter.attempts)),
                            .init(.string(letter.reason)), .init(.string(letter.body)),
                        ]))
            }
        }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "retry", abstract: "Give a letter its tries anew.",
            discussion: """
                Examples:
                  cuebx dead-letters retry "$LETTER_ID"
                """)

        @OptionGroup var answer: AnswerOptions

        @Argument(help: "The letter's id.")
        var id: String

        func run() async throws {
            let id = try letterID(self.id)
            try await withDeadLetters { letters, core in
                guard try await letters.retry(id, now: core.clock.now()) else {
                    throw FriendlyError("no dead letter \(id.text)")
                }
                answer.tell(Answer(["id": .string(id.text)], ["will be tried again"]))
            }
        }
    }

    struct Discard: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "discard", abstract: "Throw a letter away for good.",
            discussion: """
                What a discarded commit still holds is given back in time.

                Examples:
                  cuebx dead-letters discard "$LETTER_ID"
                """)

        @OptionGroup var answer: AnswerOptions

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
                answer.tell(Answer(["id": .string(id.text)], ["discarded"]))
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
