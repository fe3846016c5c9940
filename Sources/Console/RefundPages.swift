import FoundationEssentials
import HTTPEndpoint
import Operators
import PageFrame
import Refunds
import Values

/// What a person has paid, as Stripe says, each with the way to give it back.
struct PaymentsPage: ConsolePage {
    let console: ConsoleParts

    static let about = AboutPage.console("people")

    func read(_ input: inout InputReader) -> UUID? { input.person }

    func view(_ id: UUID?, _ desk: Desk) async throws -> PageView {
        let user = try await console.person(id)
        var entry = desk.entry(.readPerson)
        entry.userID = user.id
        try await console.operators.journal.note(entry)
        let mayRefund = desk.role.may(.refundPayment)
        var section = ConsoleSection("payments")
        section.text = words.html("console.payments.text", ["most": String(Refunds.most)])
        section.table = ConsoleTable(
            [.init("when"), .init("payment"), .init("kind"), .init("price", isNumber: true)],
            try await console.refunds.payments(of: user.id).map { payment in
                [
                    .time(payment.paidAt),
                    mayRefund
                        ? .link(payment.id, to: RefundPage.place(user.id, payment.id))
                        : .code(payment.id),
                    .badge(payment.isPack ? "pack" : "invoice", tone: "plain"),
                    .text(payment.paid.spoken),
                ]
            }
        ).values(words, now: console.now)
        section.acts = [("person", PeoplePage.place(user.id))]
        return page(words.html("console.payments"), [section])
    }
}

/// Gives a payment back at Stripe, all of it or a part.
struct RefundPage: ActPage {
    let console: ConsoleParts

    static let about = AboutPage.console("people", "console_act")
    static let act = OperatorAct.refundPayment
    static let name = "refund"

    struct Input: Sendable {
        let person: UUID?
        let payment: String
    }

    struct Form: ActForm {
        /// As it was typed; the payment says in what currency it is. `nil` for all that is left.
        let amount: String?
        /// How the payment stood when the form was first shown.
        let standing: Refunds.Standing?
        let confirmation: Confirmation

        static let about = "How much, and why."

        init(_ reader: inout ObjectReader) {
            amount = reader.optional(
                "refund_amount", .text(0...30), "In the payment's currency; all if empty.")
            standing = reader.optional(
                "refund_standing", .text(0...40), "What had gone back when the form was shown."
            ).flatMap { Refunds.Standing($0) }
            confirmation = Confirmation(&reader)
        }
    }

    static func place(_ person: UUID, _ payment: String) -> String {
        PeoplePage.place(person) + "/refund?payment=" + QueryString.encode(payment)
    }

    func read(_ input: inout InputReader) -> Input {
        Input(
            person: input.person,
            payment: input.query("payment", .text(1...255), "The payment's id.") ?? "")
    }

    func fields(_ input: Input) -> [FormField] {
        [
            FormField("refund_amount", .amount, isNeeded: false),
            FormField("refund_standing", .hidden),
        ]
    }

    func held(_ input: Input, _ desk: Desk) async throws -> [String: String] {
        let user = try await console.person(input.person)
        let room = try await console.refunds.room(for: input.payment, of: user.id)
        return ["refund_standing": room.standing.text]
    }

    func places(_ input: Input) -> (action: String, back: String) {
        guard let person = input.person else { return ("/console/people", "/console/people") }
        return (
            Self.place(person, input.payment), PeoplePage.place(person) + "/payments"
        )
    }

    func question(_ input: Input) async throws -> (values: [String: String], facts: [String]) {
        let user = try await console.person(input.person)
        let room = try await console.refunds.room(for: input.payment, of: user.id)
        let amounts = [
            "paid": room.payment.paid.spoken, "returned": room.returned.spoken,
            "left": room.left.spoken,
        ]
        let follows = room.payment.isPack ? "pack" : "plan"
        return (
            ["person": user.email ?? user.id.text, "payment": room.payment.id],
            [
                words.html("console.refund.amounts", amounts),
                words.html("console.refund.\(follows)"),
            ]
        )
    }

    func describe(_ entry: inout OperatorEntry, _ form: Form, _ input: Input) {
        entry.userID = input.person
        entry.subject = "\(input.payment) \(form.amount ?? "all")"
    }

    func carryOut(
        _ form: Form, _ input: Input, _ desk: Desk, line: UUID
    ) async throws -> Submitted {
        let user = try await console.person(input.person)
        try await console.refunds.giveBack(
            input.payment, of: user.id, amount: try await amount(form, input, user.id),
            shown: form.standing, requestID: desk.visit.call.id)
        return Submitted(places(input).back, notice: "console_refunded")
    }

    /// - Throws: ``Problem`` 422 for what is no amount of the payment's currency.
    private func amount(_ form: Form, _ input: Input, _ user: UUID) async throws -> Money? {
        guard let text = form.amount, !text.isEmpty else { return nil }
        let room = try await console.refunds.room(for: input.payment, of: user)
        guard let amount = Money(decimal: text, currency: room.left.currency) else {
            throw Problem.invalid([
                FieldError(
                    ["body", "refund_amount"], "must be an amount such as \(room.left.decimal)",
                    type: "value_error")
            ])
        }
        return amount
    }
}
