import ArgumentParser
import Foundation
import JSON
import Ledger
import Service
import Shell
import Values
import WorkspaceCommands

/// What an adjustment of a period's credits is given, be it a user's or a workspace's.
struct AdjustmentOptions: ParsableArguments {
    @Argument(help: "Credits, e.g. 10 or -2.50.")
    var credits: String

    @Option(help: "Why; kept with the grant.")
    var reason: String

    @Option(help: "Names the adjustment, so that repeating the command changes nothing.")
    var id: String?

    @OptionGroup var answer: AnswerOptions

    /// - Throws: ``FriendlyError`` for what is none.
    func amount() throws -> Credits {
        let written = credits.replacing(CueBX.minusSign, with: "-", maxReplacements: 1)
        guard let amount = Credits(decimal: written), amount != .zero else {
            throw FriendlyError("\(written) is no amount of credits")
        }
        guard (1...1000).contains(reason.unicodeScalars.count) else {
            throw FriendlyError("the reason must have 1 to 1000 characters")
        }
        return amount
    }

    var cause: String { id ?? UUID().text }

    /// - Parameter holder: whose credits they are, e.g. `user`.
    /// - Throws: ``FriendlyError`` for a refusal.
    func tell(_ outcome: AdjustCredits.Outcome, of holder: String) throws {
        switch outcome {
        case .noSubscription: throw FriendlyError("the \(holder) has no subscription")
        case .wouldBeNegative: throw FriendlyError("that is more than the period has left")
        case .wouldExceedMaximum(let room):
            throw FriendlyError(
                "a period holds at most \(Credits.maximum.decimal) credits; "
                    + "\(room.decimal) more can be given")
        case .alreadyAdjusted:
            answer.tell(Answer(["was_done_before": true], ["already done"]))
        case .adjusted(let account):
            let allocated = account.context.allocated.decimal
            answer.tell(
                Answer(
                    ["was_done_before": false, "credits_allocated": .string(allocated)],
                    ["the period now has \(allocated) credits"]))
        }
    }
}

extension WorkspacesCommand {
    struct Adjust: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "adjust",
            abstract: "Give credits to the running period, or take them away.",
            discussion: """
                The workspace's audit log tells of it, where its admins read it.

                Examples:
                  cuebx workspaces adjust "$WORKSPACE_ID" 10 --reason "An outage on Monday"
                  cuebx workspaces adjust "$WORKSPACE_ID" -2.50 --reason Twice --actor Ada --id t-17
                """)

        @Argument(help: "The workspace's id, client id or slug.")
        var workspace: String

        @OptionGroup var adjustment: AdjustmentOptions

        @Option(help: "Who does it; kept in the workspace's audit log.")
        var actor: String?

        func run() async throws {
            let amount = try adjustment.amount()
            let reason = try ReasonByHand(adjustment.reason, actor: actor)
            try await withWorkspaces { workspaces, core in
                let outcome = try await workspaces.adjust(
                    workspace, by: amount, reason, cause: adjustment.cause, in: core.apiLedger)
                try adjustment.tell(outcome, of: "workspace")
            }
        }
    }
}
