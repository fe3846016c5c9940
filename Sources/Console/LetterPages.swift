import Career
import Database
import FoundationEssentials
import HTTPEndpoint
import Messaging
import Operators
import PageFrame

/// How full the queues are, and the messages that were given up on, the newest first.
struct LettersPage: TablePage {
    let console: ConsoleParts

    static let about = AboutPage.console("letters")

    func view(_ query: TableQuery, _ desk: Desk) async throws -> PageView {
        var queues = ConsoleSection("queues")
        queues.table = try await QueueTable.table(console).values(words, now: console.now)
        return try await page(
            "letters", query, "/console/letters", desk, before: query.cursor == nil ? [queues] : []
        ) { limit in
            let letters = try await console.letters.page(before: query.key, limit: limit + 1)
            return ConsoleTable(
                [
                    .init("when"), .init("letter"), .init("queue"), .init("tries", isNumber: true),
                    .init("reason"),
                ],
                letters, limit: limit, cursor: { TableQuery.cursor($0.diedAt, $0.id) },
                row: { letter in
                    [
                        .time(letter.diedAt), .link(letter.id.text, to: Self.place(letter.id)),
                        .text(letter.queue), .number(letter.attempts), .text(letter.reason),
                    ]
                })
        }
    }

    static func place(_ id: UUID) -> String { "/console/letters/\(id.text)" }
}

/// How many messages lie where.
enum QueueTable {
    static func table(_ console: ConsoleParts) async throws -> ConsoleTable {
        let depths = try await console.broker.depths(now: console.now)
        return ConsoleTable(
            [
                .init("queue"), .init("outbox", isNumber: true), .init("waiting", isNumber: true),
                .init("in_work", isNumber: true), .init("paused", isNumber: true),
                .init("dead", isNumber: true), .init("oldest"),
            ],
            depths.map { depth in
                [
                    .text(depth.queue), .number(Int64(depth.outbox)),
                    .number(Int64(depth.waiting)), .number(Int64(depth.inWork)),
                    .number(Int64(depth.paused)), .number(Int64(depth.dead)), .time(depth.oldest),
                ]
            })
    }
}

extension ConsoleParts {
    /// - Throws: ``Problem`` 404 for a letter that there is not, or no longer.
    func letter(_ id: UUID?) async throws -> DeadLetters.Letter {
        guard let id, let letter = try await letters.letter(id) else { throw Problem.notFound }
        return letter
    }
}

extension InputReader {
    /// The letter that an address names.
    var letter: UUID? {
        mutating get { UUID(uuidString: path("letter_id", .text(1...64), "The letter's id.")) }
    }
}

/// A letter with its body.
struct LetterPage: ConsolePage {
    let console: ConsoleParts

    static let about = AboutPage.console("letters")

    func read(_ input: inout InputReader) -> UUID? { input.letter }

    func view(_ id: UUID?, _ desk: Desk) async throws -> PageView {
        let letter = try await console.letter(id)
        var entry = desk.entry(.readLetter)
        entry.userID = letter.envelope.accountID
        entry.subject = letter.id.text
        try await console.operators.journal.note(entry)
        let spoken = Spoken(words: words)
        var section = ConsoleSection("letter.facts")
        section.facts = [
            ("queue", letter.queue.escapedForHTML), ("tries", String(letter.attempts)),
            ("reason", letter.reason.escapedForHTML),
            ("enqueued", spoken.instant(letter.enqueuedAt, now: console.now)),
            ("died", spoken.instant(letter.diedAt, now: console.now)),
            ("request", PersonFacts.code(letter.envelope.requestID ?? "–")),
            ("body", PersonFacts.code(String(letter.body.prefix(8000)))),
        ]
        let acts: [(OperatorAct, String)] = [
            (.retryLetter, "retry"), (.discardLetter, "discard"),
        ]
        section.acts = acts.filter { desk.role.may($0.0) }
            .map { ($0.1, LettersPage.place(letter.id) + "/\($0.1)") }
        if let user = letter.envelope.accountID {
            section.acts.append(("person", PeoplePage.place(user)))
        }
        return page(letter.id.text, [section])
    }
}

/// An act on a letter.
protocol LetterAct: ActPage where Input == UUID?, Form == PlainActForm {}

extension LetterAct {
    static var about: AboutPage { .console("letters", "console_act") }

    func read(_ input: inout InputReader) -> UUID? { input.letter }

    func places(_ id: UUID?) -> (action: String, back: String) {
        let place = id.map { LettersPage.place($0) } ?? "/console/letters"
        return (place + "/\(Self.name)", place)
    }

    func question(_ id: UUID?) async throws -> (values: [String: String], facts: [String]) {
        let letter = try await console.letter(id)
        return (["queue": letter.queue], [PersonFacts.code(letter.id.text)])
    }

    func describe(_ entry: inout OperatorEntry, _ form: PlainActForm, _ id: UUID?) {
        entry.subject = id?.text
    }
}

struct RetryLetterPage: LetterAct {
    let console: ConsoleParts

    static let act = OperatorAct.retryLetter
    static let name = "retry"

    func carryOut(
        _ form: PlainActForm, _ id: UUID?, _ desk: Desk, line: UUID
    ) async throws -> Submitted {
        guard let id, try await console.letters.retry(id, now: console.now) else {
            throw Problem.notFound
        }
        return Submitted("/console/letters", notice: "console_retried")
    }
}

struct DiscardLetterPage: LetterAct {
    let console: ConsoleParts

    static let act = OperatorAct.discardLetter
    static let name = "discard"

    func carryOut(
        _ form: PlainActForm, _ id: UUID?, _ desk: Desk, line: UUID
    ) async throws -> Submitted {
        let discard = DiscardDeadLetter(letters: console.letters, ledger: console.ledger)
        guard let id, try await discard.discard(id) else { throw Problem.notFound }
        return Submitted("/console/letters", notice: "console_discarded")
    }
}
