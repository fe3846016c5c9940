import ArgumentParser
import Foundation
import JSON
import Promotions
import Service
import Shell
import Values

/// Codes that users redeem for credits.
struct CodesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "codes", abstract: "Codes that users redeem for credits.",
        subcommands: [Add.self, List.self, End.self])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add", abstract: "Make a code.",
            discussion: """
                Examples:
                  cuebx codes add SPRING --credits 25 --total 100
                  cuebx codes add TALK --credits 5 --total 40 --valid-days 90
                """)

        @OptionGroup var answer: AnswerOptions

        @Argument(help: "Letters, digits, - and _; the case does not matter.")
        var code: String

        @Option(help: "What each user gets, e.g. 25.00.")
        var credits: String

        @Option(help: "How many users may redeem it.")
        var total: Int64

        @Option(help: "From when on, e.g. 2026-12-01T00:00:00Z; now by default.")
        var startsAt: String?

        @Option(help: "Until when; without end by default.")
        var endsAt: String?

        @Option(help: "After how many days what was granted ends; never by default.")
        var validDays: Int64?

        func run() async throws {
            try await withCodes { codes, now in
                let made = try promotion(now: now)
                guard try await codes.add(made, now: now) else {
                    throw FriendlyError("\(made.code) is there already; nothing was changed")
                }
                answer.tell(Answer(["code": .string(made.code)], ["added \(made.code)"]))
            }
        }

        private func promotion(now: Timestamp) throws -> PromotionCode {
            guard let name = PromotionCode.spelled(code) else {
                throw FriendlyError("a code is 1 to 64 letters, digits, - or _")
            }
            guard let amount = Credits(decimal: credits), amount > .zero else {
                throw FriendlyError("--credits must be an amount above 0 such as 25.00")
            }
            guard (1...Self.mostUsers).contains(total) else {
                throw FriendlyError("--total must be from 1 to \(Self.mostUsers)")
            }
            if let validDays, !(1...Self.mostDays).contains(validDays) {
                throw FriendlyError("--valid-days must be from 1 to \(Self.mostDays)")
            }
            let start = try startsAt.map { try Self.time($0, "--starts-at") } ?? now
            let end = try endsAt.map { try Self.time($0, "--ends-at") }
            if let end, end <= start || end <= now {
                throw FriendlyError("--ends-at must be after the start, and to come")
            }
            return PromotionCode(
                code: name, credits: amount, total: total, startsAt: start, endsAt: end,
                validDays: validDays)
        }

        private static let mostUsers: Int64 = 1_000_000_000
        private static let mostDays: Int64 = 1_000_000

        private static func time(_ text: String, _ option: String) throws -> Timestamp {
            guard let time = Timestamp(rfc3339: text) else {
                throw FriendlyError("\(option) must be a time such as 2026-12-01T00:00:00Z")
            }
            return time
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "The newest first.",
            discussion: """
                Examples:
                  cuebx codes list
                """)

        @OptionGroup var answer: AnswerOptions

        func run() async throws {
            try await withCodes { codes, now in
                answer.tell(Answer("codes", Self.table(try await codes.list()), none: "No codes."))
            }
        }

        private static func table(_ codes: [PromotionCode]) -> TextTable {
            TextTable(
                ["code", "credits", "redeemed", "total", "starts_at", "ends_at", "valid_days"],
                codes.map { code in
                    let end = code.endsAt?.rfc3339
                    return [
                        .init(.string(code.code)),
                        .init(
                            .string(code.credits.decimal), "\(code.credits.decimal) credits"),
                        .init(.int(code.redeemed), "\(code.redeemed) redeemed"),
                        .init(.int(code.total), "of \(code.total)"),
                        .init(
                            .string(code.startsAt.rfc3339), "from \(code.startsAt.rfc3339)"),
                        .init(
                            end.map { .string($0) } ?? .null,
                            end.map { "until \($0)" } ?? "without end"),
                        .init(
                            code.validDays.map { .int($0) } ?? .null,
                            code.validDays.map { "valid \($0) days" } ?? "valid for ever"),
                    ]
                })
        }
    }

    struct End: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "end",
            abstract: "Have a code redeemed no longer; what was granted stays.",
            discussion: """
                Examples:
                  cuebx codes end SPRING
                """)

        @OptionGroup var answer: AnswerOptions

        @Argument(help: "The code.")
        var code: String

        func run() async throws {
            try await withCodes { codes, now in
                let name = PromotionCode.spelled(code) ?? code
                guard let ended = try await codes.end(name, now: now) else {
                    throw FriendlyError("no code \(name)")
                }
                answer.tell(
                    Answer(
                        [
                            "code": .string(ended.code), "redeemed": .int(ended.redeemed),
                            "total": .int(ended.total),
                        ],
                        ["\(ended.code) was redeemed \(ended.redeemed) of \(ended.total) times"]))
            }
        }
    }
}

private func withCodes(
    _ body: (PromotionCodes, Timestamp) async throws -> Void
) async throws {
    let core = try await CareerCore.openFromEnvironment()
    do {
        try await body(PromotionCodes(database: core.database), core.clock.now())
    } catch {
        try core.close()
        throw error
    }
    try core.close()
}
