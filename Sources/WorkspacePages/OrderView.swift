import HTTPEndpoint
import JSON
import Ledger
import PageFrame
import Values
import WorkspaceBilling
import WorkspaceSeats

/// The number of seats that an address asks for.
struct AskedSeats: Sendable {
    /// As it was typed; `nil` if none was asked for.
    let text: String?

    /// `nil` if none was asked for, or what is no number of seats.
    var number: Int64? {
        let digits = (text ?? "").filter { $0 != " " }
        guard let number = Int64(digits), (1...APICheckoutRequest.maximumSeats).contains(number)
        else { return nil }
        return number
    }

    /// What is wrong with it; `nil` if nothing is, or none was asked for.
    var problem: Problem? { text == nil || number != nil ? nil : .noNumberOfSeats }

    /// - Throws: ``Problem`` 422 for what is no number of seats.
    func required() throws -> Int64 {
        guard let number else { throw Problem.noNumberOfSeats }
        return number
    }
}

extension Problem {
    fileprivate static var noNumberOfSeats: Problem {
        .invalid([
            FieldError(["query", "seat_count"], "must be a whole number", type: "int_type")
        ])
    }
}

/// What would be ordered of a plan and of seats: what it costs now and from when on, above the one
/// button that agrees to it. Another number of seats is asked for by the page's own address, so
/// that its price is told before the button.
struct OrderView: Sendable {
    let desk: SpaceDesk
    let heading: String
    /// The page's address.
    let path: String
    /// The plan that the address names; `nil` if it names none.
    var planID: String?
    /// Of the plan whose seats are asked for; `nil` where their number is no matter.
    var terms: SeatTerms?
    var seats = AskedSeats(text: nil)

    /// What there is to agree to.
    struct Price: Sendable {
        let seats: Int64
        var facts: [JSONValue] = []
        var notes: [String] = []
        let button: String
        /// The instant of the price, if just that price is agreed to.
        var shownAt: Int64?
        /// Whether something is charged at once, for ten minutes at that price.
        var isCharged = false
    }

    private var words: Words { desk.words }

    /// - Parameters:
    ///   - price: `nil` if there is nothing to agree to.
    ///   - problem: why there is nothing; a form that was refused has its own.
    ///   - present: the number of seats that the field shows before anybody has typed.
    func view(
        _ price: Price?, _ problem: Problem? = nil, present: Int64, note: String? = nil
    ) -> PageView {
        var visit = desk.visit
        let typed = ["seat_count": seats.text ?? String(present)]
        // What was typed stands in the address, not in the form that was refused.
        if let refusal = visit.attempt?.problem ?? problem {
            visit.attempt = Visit.Attempt(typed: typed, problem: refusal)
        }
        let form = PageForm(words, terms == nil ? [] : [FormField("seat_count", .number)])
        var view = PageView(
            desk.values("plan", form.values(visit, typed)).with([
                "heading_html": .string(heading), "at": .string(path),
                "plan_id": .text(planID), "has_seats": .bool(terms != nil),
                "bounds_html": .string(terms.map(bounds) ?? ""), "note_html": .text(note),
                "price": price.map { .object(values($0)) } ?? .null,
            ]))
        if let problem { view.status = problem.status }
        return view
    }

    private func bounds(_ terms: SeatTerms) -> String {
        words.html(
            terms.maximum == nil ? "space.order.bounds.open" : "space.order.bounds",
            [
                "least": String(terms.minimum), "most": terms.maximum.map(String.init) ?? "",
                "price": terms.price.spoken, "taken": String(desk.space.enabled),
            ])
    }

    private func values(_ price: Price) -> JSONObject {
        let plan = planID.map { "plan_id=\(QueryString.encode($0))&" } ?? ""
        let until = price.shownAt.flatMap {
            price.isCharged ? Timestamp(seconds: $0 + PlanChanges.lifetime) : nil
        }
        return [
            "action": .string("\(path)?\(plan)seat_count=\(price.seats)"),
            "facts": .array(price.facts), "notes": .array(price.notes.map { .string($0) }),
            "button_html": .string(price.button),
            "shown_at": price.shownAt.map { .string(String($0)) } ?? .null,
            "until_html": .text(
                until.map {
                    words.html(
                        "upgrade.until", ["when": desk.spoken.instant($0, now: desk.now)])
                }),
        ]
    }
}

/// The price that was agreed to.
struct AgreedPrice: JSONInput {
    /// The instant of the price that was shown, in seconds since 1970.
    let shownAt: Int64

    static let about = "The price that was agreed to."

    init(_ reader: inout ObjectReader) {
        shownAt = reader.required(
            "shown_at", .integer(Timestamp.rangeOfSeconds), "Of the price that was shown.")
    }
}
