import ArgumentParser
import Foundation
import JSON
import Operators
import Service
import Shell

/// Who may sign in to the console.
struct OperatorsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "operators", abstract: "Who may sign in to the console.",
        discussion: "Whoever may run this command decides who is an operator.",
        subcommands: [Add.self, Remove.self, List.self])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add", abstract: "Let somebody sign in to the console.",
            discussion: """
                Prints, once and never again, the address that an authenticator app reads and ten \
                recovery codes. A viewer reads; support also grants up to 100 credits a day, signs \
                people out and tries letters again; an admin does everything. Reads the password \
                from the terminal, or from CUEBX_OPERATOR_PASSWORD if there is none.

                Examples:
                  cuebx operators add grace@example.com --role admin
                """)

        @OptionGroup var answer: AnswerOptions

        @Argument(help: "The operator's email.")
        var email: String

        @Option(help: "viewer, support or admin.")
        var role: String

        func run() async throws {
            guard let password = Self.password() else { throw FriendlyError("no password given") }
            try await withOperators { operators in
                let enrolment = try await operators.add(email, role: role, password: password)
                answer.tell(
                    Answer(
                        [
                            "email": .string(email), "role": .string(role),
                            "otpauth": .string(enrolment.address),
                            "recovery_codes": .array(enrolment.recoveryCodes.map { .string($0) }),
                        ],
                        [
                            "added \(email) as \(role)", "",
                            "For the authenticator; shown this once:", enrolment.address, "",
                            "Recovery codes, each good once:",
                        ] + enrolment.recoveryCodes))
            }
        }

        private static func password() -> String? {
            if isatty(STDIN_FILENO) == 1 {
                return getpass("Password: ").map { String(cString: $0) }
            }
            return ProcessInfo.processInfo.environment["CUEBX_OPERATOR_PASSWORD"]
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove", abstract: "Take the console from somebody, at once.",
            discussion: """
                Examples:
                  cuebx operators remove grace@example.com
                """)

        @OptionGroup var answer: AnswerOptions

        @Argument(help: "The operator's email.")
        var email: String

        func run() async throws {
            try await withOperators { operators in
                try await operators.remove(email)
                answer.tell(Answer(["email": .string(email)], ["removed \(email)"]))
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "All operators and their roles.",
            discussion: """
                Examples:
                  cuebx operators list
                """)

        @OptionGroup var answer: AnswerOptions

        func run() async throws {
            try await withOperators { operators in
                let table = TextTable(
                    ["email", "role", "created_at"],
                    try await operators.list().map { one in
                        [
                            .init(.string(one.email)), .init(.string(one.role)),
                            .init(.string(one.createdAt.rfc3339), "since \(one.createdAt.rfc3339)"),
                        ]
                    })
                answer.tell(
                    Answer(
                        "operators", table,
                        none: "No operators; cuebx operators add makes the first one."))
            }
        }
    }
}

private func withOperators(
    _ body: (OperatorAdministration) async throws -> Void
) async throws {
    let core = try await CareerCore.openFromEnvironment()
    do {
        try await body(try core.operatorAdministration())
    } catch {
        try core.close()
        throw error
    }
    try core.close()
}
