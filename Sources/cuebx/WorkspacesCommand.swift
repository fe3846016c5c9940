import ArgumentParser
import Foundation
import Service
import Workspaces

/// What an operator does with workspaces of the API product.
struct WorkspacesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workspaces", abstract: "Workspaces: suspension, owners who are gone.",
        subcommands: [List.self, Show.self, Suspend.self, Unsuspend.self, Transfer.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "The newest first, at most 1000.")

        func run() async throws {
            try await withWorkspaces { workspaces in
                let lines = try await workspaces.list()
                for line in lines { print(line) }
                if lines.isEmpty { print("No workspaces.") }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Show a workspace.")

        @Argument(help: "The workspace's id, client id or slug.")
        var workspace: String

        func run() async throws {
            try await withWorkspaces { print(try await $0.show(workspace)) }
        }
    }

    struct Suspend: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "suspend",
            abstract: "Refuse whatever adds to a workspace; reading and lessening go on.")

        @Argument(help: "The workspace's id, client id or slug.")
        var workspace: String

        @Option(help: "Why; kept in the workspace's audit log, where its admins read it.")
        var reason: String

        func run() async throws {
            try await withWorkspaces { workspaces in
                let isNew = try await workspaces.setSuspended(workspace, reason: reason)
                print(isNew ? "suspended \(workspace)" : "\(workspace) is suspended already")
            }
        }
    }

    struct Unsuspend: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "unsuspend", abstract: "Lift a suspension.")

        @Argument(help: "The workspace's id, client id or slug.")
        var workspace: String

        func run() async throws {
            try await withWorkspaces { workspaces in
                let isNew = try await workspaces.setSuspended(workspace, reason: nil)
                print(isNew ? "unsuspended \(workspace)" : "\(workspace) is not suspended")
            }
        }
    }

    struct Transfer: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "transfer",
            abstract: "Give a team whose owner is gone to an enabled member.")

        @Argument(help: "The workspace's id, client id or slug.")
        var workspace: String

        @Argument(help: "The member's email or id.")
        var user: String

        func run() async throws {
            try await withWorkspaces { workspaces in
                try await workspaces.transfer(workspace, to: user)
                print("\(workspace) belongs to \(user) now")
            }
        }
    }
}

private func withWorkspaces(
    _ body: (WorkspaceAdministration) async throws -> Void
) async throws {
    let core = try await CareerCore.openFromEnvironment()
    do {
        try await body(try await core.workspaceAdministration())
    } catch {
        try core.close()
        throw error
    }
    try core.close()
}
