import FoundationEssentials
import HTTPEndpoint
import JSON
import PageFrame
import Values
import WorkspaceAccounts
import WorkspaceBilling
import Workspaces

/// What the pages of workspaces are made of.
package struct WorkspacePageParts: Sendable {
    let workspaces: WorkspaceParts
    let accounts: WorkspaceAccountParts
    let billing: WorkspaceBillingParts
    let site: Site
    let words: Words

    package init(
        workspaces: WorkspaceParts, accounts: WorkspaceAccountParts,
        billing: WorkspaceBillingParts, site: Site, words: Words
    ) {
        self.workspaces = workspaces
        self.accounts = accounts
        self.billing = billing
        self.site = site
        self.words = words
    }

    static let root = "/account/workspaces"
    /// Rows of a list's page: filled with the longest names it has no more than 51 200 bytes.
    static let rows: Int64 = 15

    var now: Timestamp { workspaces.clock.now() }

    /// - Throws: ``Problem`` 404 where the API product is not offered: its pages are not there.
    func requireOffer() async throws {
        guard try await accounts.isOffered() else { throw Problem.notFound }
    }

    /// Lets a visitor in to a page of a workspace as the action's guard lets a caller in.
    ///
    /// - Throws: ``Problem`` of the guard; 404 where the API product is not offered.
    func desk<A: Action>(
        for action: A.Type, at id: UUID?, _ visit: Visit
    ) async throws -> SpaceDesk {
        try await requireOffer()
        guard let id else { throw Problem.workspaceNotFound }
        return SpaceDesk(
            space: try await workspaces.show(action, of: id, to: visit.call), visit: visit,
            words: words, now: now)
    }
}

extension WorkspacePageParts {
    /// Judges a form by its action's guard before anything else of it is looked at.
    ///
    /// - Returns: the workspace.
    func admit<A: Action>(
        to action: A.Type, _ address: SpaceAddress, _ visit: Visit
    ) async throws -> UUID {
        try await desk(for: action, at: address.workspace, visit).id
    }
}

/// A visitor at a workspace.
struct SpaceDesk: Sendable {
    let space: WorkspaceResponse
    let visit: Visit
    let words: Words
    let now: Timestamp

    var membership: Membership { space.membership }
    var workspace: WorkspaceRow { membership.workspace }
    var id: UUID { workspace.id }
    var role: WorkspaceRole { membership.role }
    var isAdmin: Bool { role >= .admin }
    var path: String { "\(WorkspacePageParts.root)/\(id.text)" }
    var spoken: Spoken { Spoken(words: words, zone: visit.zone) }

    /// The newest of a list, or what follows a cursor.
    func page(_ cursor: UUID?, limit: Int64 = WorkspacePageParts.rows) -> WorkspaceListQuery {
        WorkspaceListQuery(workspace: id, page: ListQuery(cursor: cursor, limit: limit))
    }

    /// What every page of the workspace shows above its own: the name, and the ways to the others.
    ///
    /// - Parameter tab: of the words: `space.tab.` and this.
    func values(_ tab: String, _ values: JSONObject) -> JSONObject {
        var tabs = [("overview", path), ("members", path + "/members")]
        if isAdmin && !workspace.isPersonal {
            tabs.append(("invitations", path + "/invitations"))
        }
        tabs += [
            ("keys", path + "/keys"), ("usage", path + "/usage"), ("plan", path + "/plan"),
        ]
        if isAdmin {
            tabs += [("audit", path + "/audit"), ("settings", path + "/settings")]
        }
        return JSONObject([
            ("name", .string(workspace.displayName)), ("path", .string(path)),
            ("tab_html", .string(words.html("space.tab.\(tab)"))),
            (
                "tabs",
                .array(
                    tabs.map { name, href in
                        [
                            "href": .string(href),
                            "label_html": .string(words.html("space.tab.\(name)")),
                            "is_current": .bool(name == tab),
                        ]
                    })
            ),
        ]).with(values)
    }

    /// The ways to the first page of a list and to the next.
    func pager(_ path: String, _ cursor: UUID?, next: String?) -> JSONObject {
        [
            "first": cursor == nil ? .null : .string(path),
            "older": .text(next.map { "\(path)?cursor=\(QueryString.encode($0))" }),
        ]
    }

    /// The rows of a list, each with the name of what its links are about (`aria-describedby`), so
    /// that nothing long is written twice.
    static func rows<Item>(_ items: [Item], _ row: (Item) -> JSONObject) -> JSONValue {
        .array(
            items.enumerated().map { place, item in
                .object(row(item).with(["row": .string("row\(place)")]))
            })
    }

    /// Leads to the plan's page, or to one below it, since there is nothing to agree to here; a
    /// form that was refused is told why.
    ///
    /// - Throws: ``Problem`` of the form that was refused.
    func toPlan(_ below: String = "") throws -> PageView {
        if let refusal = visit.attempt?.problem { throw refusal }
        return PageView(.redirect(path + "/plan" + below))
    }

    /// A line of a list of facts.
    func fact(_ name: String, _ html: String) -> JSONValue {
        [
            "name_html": .string(words.html("space.fact.\(name)")), "value_html": .string(html),
        ]
    }

    func badge(_ group: String, _ name: String, _ tone: String) -> JSONObject {
        ["tone": .string(tone), "badge_html": .string(words.html("space.\(group).\(name)"))]
    }

    /// A question before something that ends or gives away.
    func confirm(
        _ name: String, action: String, back: String, facts: [String],
        _ values: [String: String] = [:]
    ) -> PageView {
        var step = ConfirmStep(words, "space.\(name)", action: action, back: back)
        step.values = values.merging(["space": workspace.displayName]) { first, _ in first }
        step.facts = facts.map { words.html("space.\(name).\($0)", step.values) }
        step.isDanger = true
        let shown = step.values(visit)
        return PageView(shown.with(["heading": shown["question_html"] ?? .null]))
    }
}

/// Of the address of a page: which workspace, what of it, and where a list goes on.
struct SpaceAddress: Sendable {
    /// The workspace; `nil` if the address names none.
    let named: UUID?
    private let namedItem: UUID?
    let cursor: UUID?
    private var texts: [String: String] = [:]

    /// - Parameters:
    ///   - item: the parameter that names what the page is about; `nil` without one.
    ///   - texts: what else its query may hold, and what each is.
    init(
        _ input: inout InputReader, item: String? = nil, hasPages: Bool = false,
        texts: KeyValuePairs<String, String> = [:]
    ) {
        // What is no id is nobody's.
        named = UUID(
            text: input.path(WorkspaceGuard.parameter, .text(1...64), "The workspace's id."))
        namedItem = item.flatMap { UUID(text: input.path($0, .text(1...64), "An id.")) }
        cursor = hasPages ? input.query("cursor", .cursor, "Where the page before ended.") : nil
        for (name, meaning) in texts {
            self.texts[name] = input.query(name, .text(0...255), meaning)
        }
    }

    /// What the query holds by a name; `nil` if it has none.
    subscript(name: String) -> String? { texts[name] }

    /// - Throws: ``Problem`` 404 for an address that names no workspace.
    var workspace: UUID {
        get throws {
            guard let named else { throw Problem.workspaceNotFound }
            return named
        }
    }

    /// - Throws: ``Problem`` 404 for an address that names nothing of the workspace.
    var item: UUID {
        get throws {
            guard let namedItem else { throw Problem.notFound }
            return namedItem
        }
    }
}

/// A page of one workspace. Who is let in is judged here, once for all of them, as the action's
/// guard judges who calls it.
protocol SpacePage: Page where Input == SpaceAddress {
    /// What the page shows the answer of, or asks before.
    associatedtype Shown: Action

    var parts: WorkspacePageParts { get }

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView
}

extension SpacePage {
    func read(_ input: inout InputReader) -> SpaceAddress { SpaceAddress(&input) }

    func view(_ address: SpaceAddress, _ visit: Visit) async throws -> PageView {
        try await view(
            address, parts.desk(for: Shown.self, at: address.named, visit))
    }

    var words: Words { parts.words }
}

/// A button of another page, which is shown again if the button's act is refused: the page's own
/// form keeps what is stored. Whoever opens the button's address is led to the page.
protocol SpaceButton: FormPage where Input == SpaceAddress {
    associatedtype Owner: SpacePage

    var parts: WorkspacePageParts { get }
    /// The page that the button is on.
    var owner: Owner { get }
    /// The page's address below the workspace's.
    func place(_ address: SpaceAddress) throws -> String
}

extension SpaceButton {
    static var about: AboutPage { Owner.about }

    func read(_ input: inout InputReader) -> SpaceAddress { SpaceAddress(&input) }

    func view(_ address: SpaceAddress, _ visit: Visit) async throws -> PageView {
        guard visit.attempt != nil else {
            let desk = try await parts.desk(for: Owner.Shown.self, at: address.named, visit)
            return PageView(.redirect(desk.path + (try place(address))))
        }
        return try await owner.view(address, visit.atOtherForm)
    }

    /// Leads back to the page.
    func back(_ address: SpaceAddress, notice: String) throws -> Submitted {
        let space = try "\(WorkspacePageParts.root)/\(address.workspace.text)"
        return Submitted(space + (try place(address)), notice: notice)
    }
}

extension Problem {
    /// To the API what is left out stays; a form that shows a name has one, and who empties it is
    /// told so.
    ///
    /// - Throws: ``Problem`` 422 with each field that was emptied.
    static func requireFilled(_ fields: [String: String?]) throws {
        let emptied = fields.filter { $0.value == nil }.keys.sorted()
        guard emptied.isEmpty else {
            throw Problem.invalid(
                emptied.map { FieldError(["body", $0], "Field required", type: "missing") })
        }
    }
}

extension AboutPage {
    /// A page of workspaces.
    ///
    /// - Parameter isLarge: whether few of them are made at once.
    static func space(_ template: String, isLarge: Bool = false) -> AboutPage {
        AboutPage(template, access: .user, side: "workspaces", isLarge: isLarge)
    }
}
