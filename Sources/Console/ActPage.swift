import FoundationEssentials
import HTTPEndpoint
import JSON
import Operators
import PageFrame
import Values

/// What every form of the console holds beside its own fields.
struct Confirmation: Sendable {
    let reason: String
    let code: String?

    init(_ reader: inout ObjectReader) {
        reason = reader.required("reason", .text(1...1000), "Why; it stays in the journal.")
        code = reader.optional("operator_code", .operatorCode, "A fresh code, if one is needed.")
    }
}

/// The form of a page that acts.
protocol ActForm: JSONInput {
    var confirmation: Confirmation { get }
}

/// A form that holds nothing else.
struct PlainActForm: ActForm {
    let confirmation: Confirmation

    static let about = "Why."

    init(_ reader: inout ObjectReader) { confirmation = Confirmation(&reader) }
}

/// A page that does something: its role, the fresh code if money moves, and the journal are looked
/// after here, once for all of them.
protocol ActPage: ConsolePage, FormPage where Form: ActForm {
    /// What the page is for; who may not do it is not shown it.
    static var act: OperatorAct { get }
    /// Of the words: `console.`, this, and `question`, `yes` and `no`.
    static var name: String { get }

    /// The fields beside the reason.
    func fields(_ input: Input) -> [FormField]
    /// What they hold before anybody has typed.
    func held(_ input: Input, _ desk: Desk) async throws -> [String: String]
    /// The address of the form, and where its no leads.
    func places(_ input: Input) -> (action: String, back: String)
    /// What the question is about, as values of its words; facts that stand below it.
    func question(_ input: Input) async throws -> (values: [String: String], facts: [String])
    /// Whether its work goes on when it has answered, and ends the journal's line.
    static var goesOn: Bool { get }
    /// Fills in what the journal's line is about.
    func describe(_ entry: inout OperatorEntry, _ form: Form, _ input: Input)
    /// What this very form does; the same act unless the page has two.
    func act(of form: Form) -> OperatorAct
    /// Acts. It may end the journal's line itself, with what it writes.
    func carryOut(_ form: Form, _ input: Input, _ desk: Desk, line: UUID) async throws -> Submitted
}

extension ActPage {
    func read(form: inout InputReader) -> Form { form.body(Form.self) }
    static var goesOn: Bool { false }
    func fields(_ input: Input) -> [FormField] { [] }
    func held(_ input: Input, _ desk: Desk) async throws -> [String: String] { [:] }
    func act(of form: Form) -> OperatorAct { Self.act }

    func view(_ input: Input, _ desk: Desk) async throws -> PageView {
        guard desk.role.may(Self.act) else { throw Problem.notYourRole }
        var fields = fields(input) + [FormField("reason", .text(autocomplete: "off"))]
        if Self.act.needsFreshCode && !desk.isSteppedUp {
            fields.append(FormField("operator_code", .operatorCode))
        }
        let (action, back) = places(input)
        var step = ConfirmStep(words, "console.\(Self.name)", action: action, back: back)
        let question = try await question(input)
        step.values = question.values
        step.facts = question.facts
        let values = step.values(
            desk.visit, PageForm(words, fields), holding: try await held(input, desk))
        return PageView(values.with(["heading": values["question_html"] ?? .null]))
    }

    func submit(_ form: Form, _ input: Input, _ visit: Visit) async throws -> Submitted {
        let desk = try await console.desk(visit)
        let act = act(of: form)
        guard desk.role.may(act) else { throw Problem.notYourRole }
        guard act.needsFreshCode && !desk.isSteppedUp else {
            return try await journaled(form, input, desk)
        }
        guard let code = form.confirmation.code else {
            throw Problem.invalid([
                FieldError(["body", "operator_code"], "is required", type: "missing")
            ])
        }
        guard let secret = visit.sessionSecret else { throw Problem.internalError }
        try await console.operators.stepUp(desk.session, code: code, secret: secret, visit.call)
        do {
            let submitted = try await journaled(form, input, desk)
            return Submitted(
                submitted.location, notice: submitted.notice, session: .begun(seconds: nil))
        } catch {
            throw RefusedInNewSession(error)
        }
    }

    private func journaled(
        _ form: Form, _ input: Input, _ desk: Desk
    ) async throws -> Submitted {
        var entry = desk.entry(act(of: form))
        entry.reason = form.confirmation.reason
        describe(&entry, form, input)
        return try await console.operators.journal.carryOut(
            entry, role: desk.role, goesOn: Self.goesOn
        ) { line in try await carryOut(form, input, desk, line: line) }
    }
}

/// A page that begins work which takes longer than somebody waits; it asks for nothing but why.
protocol BackgroundActPage: ActPage where Input == Void, Form == PlainActForm {}

extension BackgroundActPage {
    static var goesOn: Bool { true }

    func read(_ input: inout InputReader) {}

    func question(_ input: Void) async throws -> (values: [String: String], facts: [String]) {
        ([:], [])
    }

    func describe(_ entry: inout OperatorEntry, _ form: PlainActForm, _ input: Void) {}
}

/// Work that takes longer than somebody waits: one of a kind at a time, and its result stands in
/// the journal.
actor BackgroundActs {
    private var running: Set<OperatorAct> = []

    /// - Parameters:
    ///   - line: the journal's, which is ended with the work.
    ///   - work: returns what the journal is to say of its result.
    /// - Throws: ``Problem`` 409 `act_under_way` if one of its kind runs.
    func begin(
        _ act: OperatorAct, _ line: UUID, _ journal: OperatorJournal,
        _ work: @escaping @Sendable () async throws -> String
    ) throws {
        guard running.insert(act).inserted else { throw Problem.actUnderWay }
        Task {
            do {
                let result = try await work()
                try await journal.finish(line, .done, result: result)
            } catch {
                await self.note(failure: error, journal, line)
            }
            self.running.remove(act)
        }
    }

    /// A line whose end cannot be written stays begun, which says that it was broken off.
    private func note(failure: any Error, _ journal: OperatorJournal, _ line: UUID) async {
        do {
            try await journal.finish(line, .failed, result: "\(failure)")
        } catch {
            return
        }
    }
}

extension Problem {
    static let actUnderWay = Problem(
        409, "act_under_way", "Under way",
        "The same is being done already; its result will stand in the journal.")
    static let nobodyFound = Problem(
        404, "nobody_found", "Nobody found", "No person and no call has this name.")
    static let moreThanGranted = Problem(
        409, "more_than_granted", "More than was granted",
        "That is more than the running period was granted.")
    static let overPeriodMaximum = Problem(
        409, "over_period_maximum", "Over a period's maximum",
        "A period cannot hold so many credits.")
}
