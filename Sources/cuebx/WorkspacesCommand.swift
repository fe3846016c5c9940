import ArgumentParser
import Foundation
import JSON
import Service
import Shell
import WorkspaceCommands

/// What an operator does with workspaces of the API product.
struct WorkspacesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workspaces",
        abstract: "Workspaces: suspension, owners who are gone, credits, clocks.",
        subcommands: [
            List.self, Show.self, Suspend.self, Unsuspend.self, Transfer.self, Adjust.self,
            ResetClock.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "The newest first, at most 1000.",
            discussion: """
                Examples:
                  cuebx workspaces list
                """)

        @OptionGroup var answer: AnswerOptions

        func run() async throws {
            try await withWorkspaces { workspaces, _ in
                let table = TextTable(
                    ["id", "slug", "kind", "status", "seats_taken", "seat_count"],
                    try await workspaces.list().map { one in
                        [
                            .init(.string(one.id.text)), .init(.string(one.slug)),
                            .init(.string(one.kind)), .init(.string(one.status)),
                            .init(.int(one.seatsTaken)),
                            .init(.int(one.seatCount), "of \(one.seatCount) seats"),
                        ]
                    })
                answer.tell(Answer("workspaces", table, none: "No workspaces."))
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Show a workspace.",
            discussion: """
                Examples:
                  cuebx workspaces show "$WORKSPACE_ID"
                """)

        @OptionGroup var answer: AnswerOptions

        @Argument(help: "The workspace's id, client id or slug.")
        var workspace: String

        func run() async throws {
            try await withWorkspaces { workspaces, _ in
                let (one, email) = try await workspaces.show(workspace)
                answer.tell(
                    Answer(
                        facts: [
                            "id", "client_id", "name", "slug", "kind", "status", "owner_id",
                            "owner", "subscription", "seats_taken", "seat_count", "created",
                        ],
                        [
                            .init(.string(one.id.text)), .init(.string(one.clientID)),
                            .init(.string(one.name)), .init(.string(one.slug)),
                            .init(.string(one.kind)), .init(.string(one.status)),
                            .init(.string(one.ownerID.text)),
                            .init(email.map { .string($0) } ?? .null),
                            .init(.string(one.subscription)), .init(.int(one.seatsTaken)),
                            .init(.int(one.seatCount)), .init(.string(one.createdAt.rfc3339)),
                        ]))
            }
        }
    }

    struct Suspend: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "suspend",
            abstract: "Refuse whatever adds to a workspace; reading and lessening go on.",
            discussion: """
                What it pays for goes on, and is told; its owner can cancel it.

                Examples:
                  cuebx workspaces suspend "$WORKSPACE_ID" --reason "Invoices are open"
                """)

        @OptionGroup var answer: AnswerOptions

        @Argument(help: "The workspace's id, client id or slug.")
        var workspace: String

        @Option(help: "Why; kept in the workspace's audit log, where its admins read it.")
        var reason: String

        func run() async throws {
            try await withWorkspaces { workspaces, _ in
                let done = try await workspaces.setSuspended(workspace, reason: reason)
                let told =
                    done.isNew ? "suspended \(workspace)" : "\(workspace) is suspended already"
                answer.tell(
                    Answer(
                        [
                            "workspace": .string(workspace), "was_done_before": .bool(!done.isNew),
                            "pays_for": done.payment.map { .string($0.subscriptionID) } ?? .null,
                        ], [told] + (done.payment.map { [Self.words($0)] } ?? [])))
            }
        }

        private static func words(_ payment: WorkspaceAdministration.Payment) -> String {
            "it goes on paying for \(payment.subscriptionID): "
                + (payment.ownerIsActive
                    ? "its owner can cancel that still"
                    : "its owner, who alone could cancel that, is deactivated; cuebx users "
                        + "deactivate \(payment.ownerID.text) --cancel now does")
        }
    }

    struct Unsuspend: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "unsuspend", abstract: "Lift a suspension.",
            discussion: """
                Examples:
                  cuebx workspaces unsuspend "$WORKSPACE_ID"
                """)

        @OptionGroup var answer: AnswerOptions

        @Argument(help: "The workspace's id, client id or slug.")
        var workspace: String

        func run() async throws {
            try await withWorkspaces { workspaces, _ in
                let isNew = try await workspaces.setSuspended(workspace, reason: nil).isNew
                answer.tell(
                    Answer(
                        ["workspace": .string(workspace), "was_done_before": .bool(!isNew)],
                        [isNew ? "unsuspended \(workspace)" : "\(workspace) is not suspended"]))
            }
        }
    }

    struct Transfer: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "transfer",
            abstract: "Give a team whose owner is gone to an enabled member.",
            discussion: """
                Examples:
                  cuebx workspaces transfer "$WORKSPACE_ID" ada@example.com
                """)

        @OptionGroup var answer: AnswerOptions

        @Argument(help: "The workspace's id, client id or slug.")
        var workspace: String

        @Argument(help: "The member's email or id.")
        var user: String

        func run() async throws {
            try await withWorkspaces { workspaces, _ in
                try await workspaces.transfer(workspace, to: user)
                answer.tell(
                    Answer(
                        ["workspace": .string(workspace), "owner": .string(user)],
                        ["\(workspace) belongs to \(user) now"]))
            }
        }
    }
}

func withWorkspaces(
    _ body: (WorkspaceAdministration, CareerCore) async throws -> Void
) async throws {
    let core = try await CareerCore.openFromEnvironment()
    do {
        try await body(try await core.workspaceAdministration(), core)
    } catch {
        try core.close()
        throw error
    }
    try core.close()
}
