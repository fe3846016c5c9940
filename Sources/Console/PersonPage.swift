import Database
import FoundationEssentials
import HTTPEndpoint
import Operators
import PageFrame
import Users

/// One page that tells everything of a person. That it was read is noted.
struct PersonPage: ConsolePage {
    /// Rows of each of its tables; the whole table is one link away.
    private static let rows = 5

    let console: ConsoleParts

    static let about = AboutPage.console("people")

    func read(_ input: inout InputReader) -> UUID? { input.person }

    func view(_ id: UUID?, _ desk: Desk) async throws -> PageView {
        let user = try await console.person(id)
        var entry = desk.entry(.readPerson)
        entry.userID = user.id
        try await console.operators.journal.note(entry)
        let facts = PersonFacts(words: words, now: console.now)
        var first = facts.user(user)
        first.acts = acts(user, desk.role)
        var sections = [first]
        if let found = try await console.career.subscriptions.subscription(of: user.id) {
            var account = facts.account(found.account, found.plan)
            if found.account.subscription.stripeCustomerID != nil {
                account.acts = [("payments", PeoplePage.place(user.id) + "/payments")]
            }
            sections.append(account)
        }
        for kind in PersonTable.allCases {
            let table = try await kind.table(
                of: user.id, before: nil, limit: Self.rows, console)
            var section = ConsoleSection("person.\(kind.rawValue)")
            section.table = table.values(words, now: console.now)
            if table.next != nil {
                section.acts = [("all", PeoplePage.place(user.id) + "/\(kind.rawValue)")]
            }
            sections.append(section)
        }
        return page((user.email ?? user.id.text).escapedForHTML, sections)
    }

    private func acts(_ user: UserRow, _ role: OperatorRole) -> [(String, String)] {
        let acts: [(OperatorAct, String)] = [
            (.grantCredits, "grant"), (.signOutPerson, "signout"),
            user.isActive ? (.deactivatePerson, "deactivate") : (.reactivatePerson, "reactivate"),
        ]
        return acts.filter { role.may($0.0) }
            .map { ($0.1, PeoplePage.place(user.id) + "/\($0.1)") }
    }
}

extension ConsoleParts {
    /// - Throws: ``Problem`` 404 for nobody.
    func person(_ id: UUID?) async throws -> UserRow {
        guard let id,
            let user = try await database.read({ try UserRow.find(id: id, in: $0) })
        else { throw Problem.notFound }
        return user
    }
}

extension InputReader {
    /// The person that an address names; what is no id is nobody's.
    var person: UUID? {
        mutating get { UUID(uuidString: path("user_id", .text(1...64), "The person's id.")) }
    }
}
