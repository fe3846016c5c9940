import ArgumentParser
import Foundation
import JSON
import Ledger
import Service
import Shell
import Subscriptions
import Values

/// An operator's basics.
struct Users: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "users", abstract: "Accounts, deactivation, credit adjustments.",
        subcommands: [
            Find.self, Create.self, Deactivate.self, Reactivate.self, Adjust.self,
            ResetClock.self,
        ])

    struct Find: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "find", abstract: "Show a user.",
            discussion: """
                Examples:
                  cuebx users find ada@example.com
                """)

        @OptionGroup var answer: AnswerOptions

        @Argument(help: "The user's email or id.")
        var user: String

        func run() async throws {
            try await withAdministration { administration, _ in
                let user = try await administration.require(user)
                let verified = user.emailVerifiedAt.map { JSONValue.string($0.rfc3339) } ?? .null
                answer.tell(
                    Answer(
                        facts: ["id", "email", "verified", "name", "active", "created"],
                        [
                            .init(.string(user.id.text)),
                            .init(user.email.map { .string($0) } ?? .null),
                            .init(verified, verified.string ?? "no"),
                            .init(user.fullName.map { .string($0) } ?? .null),
                            .init(.bool(user.isActive), user.isActive ? "yes" : "no"),
                            .init(.string(user.createdAt.rfc3339)),
                        ]))
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Create an account without a mail: an operator's own, the first one.",
            discussion: """
                Its address counts as verified and it has the Free plan; the service knows no \
                other rank, who may run this command is an operator. Where somebody signed up \
                with the address and did not verify it, the account gets the password given here. \
                A verified account stays as it is. Reads the password from CUEBX_USER_PASSWORD, \
                else from the terminal.

                Examples:
                  cuebx users create ada@example.com
                """)

        @OptionGroup var answer: AnswerOptions

        @Argument(help: "The account's email.")
        var email: String

        func run() async throws {
            guard let password = Self.password() else { throw FriendlyError("no password given") }
            try await withAdministration { administration, _ in
                let creation = try await administration.create(email: email, password: password)
                let id = creation.summary.id.text
                let (outcome, sentence) =
                    switch creation {
                    case .created: ("created", "created \(id)")
                    case .verified: ("verified", "verified \(id), with the password given now")
                    case .existing: ("existing", "\(id) is there already; its password stays")
                    }
                answer.tell(
                    Answer(["user_id": .string(id), "outcome": .string(outcome)], [sentence]))
            }
        }

        private static func password() -> String? {
            if let given = ProcessInfo.processInfo.environment["CUEBX_USER_PASSWORD"] {
                return given
            }
            return getpass("Password: ").map { String(cString: $0) }
        }
    }

    struct Deactivate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "deactivate", abstract: "Lock a user out: no sign-in, no metering.",
            discussion: """
                Who is locked out cannot cancel what they pay for, and nobody else can what a \
                team of theirs pays for. With a running paid subscription say what becomes of it: \
                --cancel now, --cancel period-end or --keep-billing. A team that is to go on is \
                given to a member first, with cuebx workspaces transfer.

                Examples:
                  cuebx users deactivate ada@example.com
                  cuebx users deactivate ada@example.com --cancel period-end
                """)

        enum End: String, ExpressibleByArgument, CaseIterable {
            case now
            case periodEnd = "period-end"
        }

        @Argument(help: "The user's email or id.")
        var user: String

        @Option(help: "When a running paid subscription ends.")
        var cancel: End?

        @Flag(help: "Let a running paid subscription go on.")
        var keepBilling = false

        @OptionGroup var answer: AnswerOptions

        func validate() throws {
            if cancel != nil && keepBilling {
                throw ValidationError("--cancel and --keep-billing exclude each other")
            }
        }

        func run() async throws {
            try await withAdministration { administration, core in
                let found = try await administration.require(user)
                do {
                    let done = try await DeactivateUser(core).perform(found.id, payment)
                    answer.tell(
                        Answer(
                            [
                                "user_id": .string(found.id.text),
                                "done": .array(done.map { .string($0) }),
                            ], done + ["deactivated \(found.id.text)"]))
                } catch let undecided as DeactivateUser.Undecided {
                    let paid = undecided.subscriptions.joined(separator: " and ")
                    let give = "; cuebx workspaces transfer gives a team to a member first"
                    throw FriendlyError(
                        "the user pays for \(paid): say --cancel now, --cancel period-end or "
                            + "--keep-billing\(undecided.canBeGivenAway ? give : ""); "
                            + "nothing was done")
                }
            }
        }

        private var payment: DeactivateUser.Payment? {
            switch cancel {
            case .now: .cancelNow
            case .periodEnd: .cancelAtPeriodEnd
            case nil: keepBilling ? .keep : nil
            }
        }
    }

    struct Reactivate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "reactivate", abstract: "Let a user in again.",
            discussion: """
                Examples:
                  cuebx users reactivate ada@example.com
                """)

        @OptionGroup var answer: AnswerOptions

        @Argument(help: "The user's email or id.")
        var user: String

        func run() async throws {
            try await withAdministration { administration, _ in
                let found = try await administration.require(user)
                try await administration.setActive(found.id, true)
                answer.tell(
                    Answer(
                        ["user_id": .string(found.id.text)], ["reactivated \(found.id.text)"]))
            }
        }
    }

    struct Adjust: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "adjust",
            abstract: "Give credits to the running period, or take them away.",
            discussion: """
                Examples:
                  cuebx users adjust ada@example.com 10 --reason "An outage on Monday"
                  cuebx users adjust ada@example.com -2.50 --reason "Given twice" --id ticket-17
                """)

        @Argument(help: "The user's email or id.")
        var user: String

        @OptionGroup var adjustment: AdjustmentOptions

        func run() async throws {
            let amount = try adjustment.amount()
            try await withAdministration { administration, core in
                let found = try await administration.require(user)
                let command = AdjustCredits(
                    userID: found.id, credits: amount, reason: adjustment.reason,
                    cause: adjustment.cause)
                try adjustment.tell(try await core.ledger.perform(command), of: "user")
            }
        }
    }
}

func withAdministration(
    _ body: (UserAdministration, CareerCore) async throws -> Void
) async throws {
    let core = try await CareerCore.openFromEnvironment()
    do {
        try await body(UserAdministration(core), core)
    } catch {
        try core.close()
        throw error
    }
    try core.close()
}

extension UserAdministration {
    /// The user of this email or id.
    func require(_ name: String) async throws -> UserAdministration.UserSummary {
        guard let user = try await find(name) else { throw FriendlyError("no user \(name)") }
        return user
    }
}
