import Database
import FoundationEssentials
import HTTPEndpoint
import LedgerStore
import Operators
import PageFrame
import Users

/// The newest users, and one field that finds a person or a call. What is typed is sent as a form,
/// so that no address stands in a log.
struct PeoplePage: TablePage, FormPage {
    let console: ConsoleParts

    static let about = AboutPage.console("people", "console_people")

    struct Form: JSONInput {
        let name: String

        static let about = "What is looked for."

        init(_ reader: inout ObjectReader) {
            name = reader.required("name", .text(1...300), "An email, an id, a Stripe id.")
        }
    }

    func read(form: inout InputReader) -> Form { form.body(Form.self) }

    func view(_ query: TableQuery, _ desk: Desk) async throws -> PageView {
        let view = try await page("people", query, "/console/people", desk) { limit in
            let before = query.id
            let users = try await console.database.read {
                try UserRow.page(before: before, limit: limit + 1, in: $0)
            }
            return ConsoleTable(
                [.init("person"), .init("name"), .init("state"), .init("since")], users,
                limit: limit, cursor: { $0.id.text },
                row: { user in
                    [
                        .link(user.email ?? user.id.text, to: Self.place(user.id)),
                        .text(user.fullName), PersonFacts.state(user), .time(user.createdAt),
                    ]
                })
        }
        guard case .values(let values) = view.content else { return view }
        let form = PageForm(words, [FormField("name", .text(autocomplete: "off"))])
        return PageView(values.with(form.values(desk.visit)))
    }

    static func place(_ id: UUID) -> String { "/console/people/\(id.text)" }

    func submit(_ form: Form, _ input: TableQuery, _ visit: Visit) async throws -> Submitted {
        let desk = try await console.desk(visit)
        try await console.operators.journal.note(desk.entry(.searchPeople))
        let name = String(
            form.name.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        let found = try await console.database.read { connection -> String? in
            try Self.find(name, in: connection)
        }
        guard let found else { throw Problem.nobodyFound }
        return Submitted(found)
    }

    /// The address of the page of what has this name.
    private static func find(
        _ name: String, in connection: any DatabaseConnection
    ) throws -> String? {
        if let id = UUID(uuidString: name) {
            if try UserRow.find(id: id, in: connection) != nil { return place(id) }
            if try UsageLogRow.find(id, in: connection) != nil {
                return "/console/calls/\(id.text)"
            }
        }
        if let user = try UserRow.find(emailKey: name.lowercased(), in: connection) {
            return place(user.id)
        }
        if let user = try AccountSearch.user(ofStripeID: name, in: connection) {
            return place(user)
        }
        return try AccountSearch.call(ofRequest: name, in: connection)
            .map { "/console/calls/\($0.text)" }
    }
}
