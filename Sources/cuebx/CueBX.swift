import ArgumentParser
import Database
import Foundation
import GuidedTour
import Ledger
import Logging
import Moving
import Operators
import Service
import Settings
import Shell
import StripeSetup
import Values
import WorkspaceCommands

/// The one binary: the service and everything that its operator needs.
@main
struct CueBX: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cuebx",
        abstract: "Subscriptions and metering for an AI career-coaching product.",
        discussion: """
            Settings come from the environment; see docs/reference/settings.md. Every command that \
            answers takes --json; what takes long shows its progress on a terminal.

            Completions: cuebx --generate-completion-script bash, zsh or fish.

            Examples:
              cuebx --version
              cuebx --generate-completion-script bash
            """,
        version: "cuebx \(ProductVersion.text)",
        subcommands: [
            Serve.self, Worker.self, Migrate.self, CatalogCommand.self, Users.self, Grants.self,
            CodesCommand.self, OperatorsCommand.self, WorkspacesCommand.self, UsageCommand.self,
            Audit.self,
            DeadLettersCommand.self, StripeCommand.self, SandboxCommand.self,
            OpenAPICommand.self, Tour.self, Export.self, Import.self,
            Backup.self,
        ])

    static func main() async {
        // A client that hangs up must not end the process.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot(amountsMarked(Array(CommandLine.arguments.dropFirst())))
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as any CustomStringConvertible & Error
            where error is SettingsError || error is DatabaseError || error is FriendlyError
            || error is MoveRefusal || error is WebhookSetup.Refusal || error is CatalogError
            || error is UserAdministration.Refusal || error is OperatorAdministration.Refusal
            || error is WorkspaceAdministration.Refusal
        {
            Terminal.write(Terminal.harmless("cuebx: \(error)") + "\n", to: .standardError)
            leave(1)
        } catch {
            // Help, usage, and whatever else: told as the parser tells it, and left alike.
            let (status, text) = (exitCode(for: error), fullMessage(for: error))
            let output = status.isSuccess ? Terminal.Output.standardOutput : .standardError
            if !text.isEmpty { Terminal.write(Terminal.harmless(text) + "\n", to: output) }
            leave(status.rawValue)
        }
        leave(0)
    }

    /// The arguments, the minus of a negative amount written so that the parser takes it for a
    /// value: it reads `-2.50` as options, though no option of ours is a digit. Behind an option
    /// that takes a value or behind `--` the amount stays as it is.
    static func amountsMarked(_ arguments: [String]) -> [String] {
        arguments.enumerated().map { index, argument in
            let isBehindOption =
                index > 0 && arguments[index - 1].hasPrefix("-")
                && arguments[index - 1] != "--json"
            let isAmount = argument.wholeMatch(of: /-[0-9.]+/) != nil
            return isAmount && !isBehindOption ? minusSign + argument.dropFirst() : argument
        }
    }

    /// U+2212.
    static let minusSign = "\u{2212}"

    /// Ends the process without the C libraries' own cleaning up: OpenSSL frees at `exit` what the
    /// threads of libcurl and libpq may still be using. All that must be kept has been closed
    /// before.
    private static func leave(_ status: Int32) -> Never {
        fflush(nil)
        _exit(status == 0 && Terminal.hasLostOutput ? 1 : status)
    }
}

extension CareerCore {
    /// Opens what the environment names, logging to standard error.
    static func openFromEnvironment() async throws -> CareerCore {
        let settings = try await Settings.load()
        return try await open(settings, logger: makeLogger(settings))
    }
}

/// Structured lines on standard error; standard output belongs to what a command prints.
func makeLogger(_ settings: Settings) -> Logger {
    var logger = Logger(label: "cuebx") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = settings.logLevel
    return logger
}
