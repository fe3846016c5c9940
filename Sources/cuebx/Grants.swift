import ArgumentParser
import Foundation
import JSON
import Ledger
import Service
import Shell
import Values
import WorkspaceCommands

/// Credits beside the pool of a period, given by hand.
struct Grants: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grants", abstract: "Credits beside those of a period.",
        subcommands: [Add.self])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add",
            abstract: "Give a user or a workspace credits that outlive the period.",
            discussion: """
                Neither a renewal nor a change of plan touches them. Prints the grant's id. A \
                workspace's audit log tells of it, where its admins read it.

                Examples:
                  cuebx grants add ada@example.com 20 --source compensation --reason Outage
                  cuebx grants add ada@example.com 5 --source promotion --reason Talk --id talk
                  cuebx grants add "$WORKSPACE_ID" 50 --source compensation --reason Outage
                """)

        enum Source: String, ExpressibleByArgument, CaseIterable {
            case promotion
            case compensation
        }

        @Argument(help: "The user's email or id, or the workspace's id or client id.")
        var holder: String

        @Argument(help: "Credits, e.g. 10 or 2.50.")
        var credits: String

        @Option(help: "What it is: promotion or compensation.")
        var source: Source

        @Option(help: "Why; kept with the grant.")
        var reason: String

        @Option(help: "Who gives it; kept with the grant.")
        var actor: String?

        @Option(help: "0 to 100; grants of a lower one are used first.")
        var priority = StandaloneGrant.usualPriority

        @Option(help: "From when it can be used, e.g. 2027-01-01T00:00:00Z; now if not given.")
        var effectiveAt: String?

        @Option(help: "When what is left of it ends; never if not given.")
        var expiresAt: String?

        @Option(help: "Names the grant, so that repeating the command changes nothing.")
        var id: String?

        @OptionGroup var answer: AnswerOptions

        func run() async throws {
            let amount = try amount()
            try judgeTexts()
            let (from, end) = (try time(effectiveAt), try time(expiresAt))
            try await withAdministration { administration, core in
                let now = core.clock.now()
                if let end, end <= max(from ?? now, now) {
                    throw FriendlyError("the grant would end before it can be used")
                }
                let owner = try await find(administration, core)
                let command = AddGrant(
                    userID: owner.id, source: source == .promotion ? .promotion : .compensation,
                    amount: amount, priority: priority, effectiveAt: from, expiresAt: end,
                    cause: StandaloneGrant.causeByHand(id ?? UUID().text), reason: reason,
                    actor: actor, randomness: .random(in: .min ... .max))
                switch try await owner.give(command) {
                case .noSubscription:
                    throw FriendlyError("the \(owner.kind) has no subscription")
                case .existing(let grant): tell(grant, isNew: false)
                case .tooManyGrants:
                    throw FriendlyError(
                        "the \(owner.kind) has \(StandaloneGrant.maximumOpen) open grants, "
                            + "and there can be no more")
                case .added(let grant): tell(grant, isNew: true)
                }
            }
        }

        /// Whose account is given credits, and how.
        private struct Holder {
            let id: UUID
            let kind: String
            let give: (AddGrant) async throws -> AddGrant.Outcome
        }

        /// An id that is no user's is a workspace's.
        private func find(
            _ administration: UserAdministration, _ core: CareerCore
        ) async throws -> Holder {
            if let user = try await administration.find(holder) {
                return Holder(id: user.id, kind: "user") { try await core.ledger.perform($0) }
            }
            if holder.contains("@") { throw FriendlyError("no user \(holder)") }
            let workspaces = try await core.workspaceAdministration()
            let why = try ReasonByHand(reason, actor: actor)
            guard let id = try await workspaces.id(of: holder) else {
                throw FriendlyError("no user or workspace \(holder)")
            }
            return Holder(id: id, kind: "workspace") {
                try await workspaces.give($0, why, in: core.apiLedger)
            }
        }

        private func tell(_ grant: StandaloneGrant, isNew: Bool) {
            answer.tell(
                Answer(
                    ["grant_id": .string(grant.id.text), "was_done_before": .bool(!isNew)],
                    ["\(isNew ? "added" : "already done") \(grant.id.text)"]))
        }

        private func amount() throws -> Credits {
            guard let amount = Credits(decimal: credits), amount > .zero else {
                throw FriendlyError("\(credits) is no amount of credits above 0")
            }
            return amount
        }

        private func judgeTexts() throws {
            guard (1...1000).contains(reason.unicodeScalars.count) else {
                throw FriendlyError("the reason must have 1 to 1000 characters")
            }
            for (name, text) in [("actor", actor), ("id", id)] {
                if let text, !(1...255).contains(text.unicodeScalars.count) {
                    throw FriendlyError("the \(name) must have 1 to 255 characters")
                }
            }
            guard StandaloneGrant.priorities.contains(priority) else {
                throw FriendlyError("the priority must be 0 to 100")
            }
        }

        private func time(_ text: String?) throws -> Timestamp? {
            guard let text else { return nil }
            guard let time = Timestamp(rfc3339: text) else {
                throw FriendlyError("\(text) is no time, e.g. 2027-01-01T00:00:00Z")
            }
            return time
        }
    }
}
