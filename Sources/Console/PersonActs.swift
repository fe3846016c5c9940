import FoundationEssentials
import HTTPEndpoint
import Identity
import Ledger
import Operators
import PageFrame
import Values

/// An act on a person: its address is the person's and the act's name.
protocol PersonAct: ActPage where Input == UUID? {}

extension PersonAct {
    static var about: AboutPage { .console("people", "console_act") }

    func read(_ input: inout InputReader) -> UUID? { input.person }

    func places(_ id: UUID?) -> (action: String, back: String) {
        let place = id.map { PeoplePage.place($0) } ?? "/console/people"
        return (place + "/\(Self.name)", place)
    }

    func question(_ id: UUID?) async throws -> (values: [String: String], facts: [String]) {
        let user = try await console.person(id)
        return (["person": user.email ?? user.id.text], [])
    }

    func describe(_ entry: inout OperatorEntry, _ form: Form, _ id: UUID?) { entry.userID = id }

    /// Back at the person's page, which says once that it is done.
    func done(_ id: UUID?, _ notice: String) -> Submitted {
        Submitted(places(id).back, notice: notice)
    }
}

/// Gives credits to the running period, or takes some: by the command that everything else uses.
struct GrantPage: PersonAct {
    let console: ConsoleParts

    static let act = OperatorAct.grantCredits
    static let name = "grant"

    struct Form: ActForm {
        let credits: Credits
        let confirmation: Confirmation

        static let about = "How much, and why."

        init(_ reader: inout ObjectReader) {
            credits = reader.required("credits", .someCredits, "Negative to take away.")
            confirmation = Confirmation(&reader)
        }
    }

    func fields(_ id: UUID?) -> [FormField] {
        [FormField("credits", .text(autocomplete: "off"))]
    }

    func act(of form: Form) -> OperatorAct {
        form.credits > .zero ? .grantCredits : .takeCredits
    }

    func describe(_ entry: inout OperatorEntry, _ form: Form, _ id: UUID?) {
        entry.userID = id
        entry.credits = form.credits
    }

    func carryOut(
        _ form: Form, _ id: UUID?, _ desk: Desk, line: UUID
    ) async throws -> Submitted {
        let user = try await console.person(id)
        guard let secret = desk.visit.sessionSecret else { throw Problem.internalError }
        // The same form gives nothing twice, whatever became of its first answer.
        let command = AdjustCredits(
            userID: user.id, credits: form.credits, reason: form.confirmation.reason,
            cause: "console " + OperatorJournal.fingerprint(secret))
        let journal = console.operators.journal
        let outcome = try await console.ledger.perform(command) { connection, outcome in
            if case .adjusted = outcome { try journal.finish(line, .done, in: connection) }
        }
        switch outcome {
        case .noSubscription: throw Problem.notFound
        case .wouldBeNegative: throw Problem.moreThanGranted
        case .wouldExceedMaximum: throw Problem.overPeriodMaximum
        case .alreadyAdjusted, .adjusted: return done(id, "console_granted")
        }
    }
}

extension InputKind where Value == Credits {
    /// An amount of credits that is not nothing, e.g. `10` or `-2.50`.
    static var someCredits: InputKind<Credits> {
        InputKind<String>.decimalText
            .satisfying("credits", "must be an amount of credits, such as 10 or -2.50") { text in
                Credits(decimal: text).map { $0 != .zero } ?? false
            }
            .map(placeholder: .zero) { Credits(decimal: $0) ?? .zero }
    }
}

extension InputKind where Value == String {
    fileprivate static var decimalText: InputKind<String> { .text(1...30) }
}

/// Ends every session of a person.
struct SignPersonOutPage: PersonAct {
    typealias Form = PlainActForm

    let console: ConsoleParts

    static let act = OperatorAct.signOutPerson
    static let name = "signout"

    func carryOut(
        _ form: PlainActForm, _ id: UUID?, _ desk: Desk, line: UUID
    ) async throws -> Submitted {
        let user = try await console.person(id)
        let now = console.now
        try await console.database.write {
            try Sessions.revokeAll(of: user.id, in: $0, now: now)
        }
        return done(id, "console_signed_out")
    }
}

/// Locks a person out; what they pay for ends as is said here.
struct DeactivatePersonPage: PersonAct {
    let console: ConsoleParts

    static let act = OperatorAct.deactivatePerson
    static let name = "deactivate"

    struct Form: ActForm {
        let end: ConsoleParts.SubscriptionEnd
        let confirmation: Confirmation

        static let about = "What becomes of a subscription, and why."

        init(_ reader: inout ObjectReader) {
            end = reader.required(
                "subscription_end", .oneOf(ConsoleParts.SubscriptionEnd.self),
                "What becomes of a subscription that is paid for.")
            confirmation = Confirmation(&reader)
        }
    }

    func fields(_ id: UUID?) -> [FormField] {
        let choices = ConsoleParts.SubscriptionEnd.allCases.map { end in
            (value: end.rawValue, text: words.html("console.end.\(end.rawValue)"))
        }
        return [FormField("subscription_end", .choice(choices))]
    }

    func describe(_ entry: inout OperatorEntry, _ form: Form, _ id: UUID?) {
        entry.userID = id
        entry.subject = form.end.rawValue
    }

    func carryOut(
        _ form: Form, _ id: UUID?, _ desk: Desk, line: UUID
    ) async throws -> Submitted {
        try await console.commands.deactivate(console.person(id).id, form.end)
        return done(id, "console_deactivated")
    }
}

/// Lets a person in again.
struct ReactivatePersonPage: PersonAct {
    typealias Form = PlainActForm

    let console: ConsoleParts

    static let act = OperatorAct.reactivatePerson
    static let name = "reactivate"

    func carryOut(
        _ form: PlainActForm, _ id: UUID?, _ desk: Desk, line: UUID
    ) async throws -> Submitted {
        try await console.commands.reactivate(console.person(id).id)
        return done(id, "console_reactivated")
    }
}
