import FoundationEssentials
import HTTPEndpoint
import Values

/// A part of the pages with a sign-in of its own: users have their accounts, operators the console.
package struct Realm: Sendable {
    /// A line of the navigation: the key of its words is `side.` and the name.
    package struct Side: Sendable {
        let name: String
        let path: String

        package init(_ name: String, _ path: String) {
            self.name = name
            self.path = path
        }
    }

    /// Holds the session's secret.
    let cookie: Cookies.Name
    /// Who is signed in by a secret; `nil` if the session is over.
    let caller: @Sendable (String) async throws -> Caller?
    /// Where somebody signs in; the address that they wanted follows as `next`, if it can.
    let signIn: String
    let leadsBack: Bool
    let signOut: String
    /// Where somebody belongs who is signed in.
    let home: String
    /// Of the words: `layout.` and this are the link to ``home`` and the navigation's label.
    let name: String
    let sides: [Side]
    /// Templates that belong to another's line.
    let homes: [String: String]
    let isConsole: Bool
    /// In which somebody reads dates; `nil` if everybody reads them in UTC.
    let zone: (@Sendable (UUID) async throws -> ReaderZone)?
    /// Lines of the navigation that are not shown now; `nil` if all are, always.
    let hiddenSides: (@Sendable () async throws -> Set<String>)?

    /// Where somebody is led who is signed in already: what was wanted, if it is of this realm.
    func wanted(_ next: String?) -> String {
        guard leadsBack else { return home }
        let wanted = WantedPage.location(next, otherwise: home)
        return isConsole && !wanted.hasPrefix(home) ? home : wanted
    }

    /// The users' accounts.
    static func account(
        _ site: Site, caller: @escaping @Sendable (String) async throws -> Caller?,
        zone: @escaping @Sendable (UUID) async throws -> ReaderZone,
        hiddenSides: @escaping @Sendable () async throws -> Set<String>
    ) -> Realm {
        let names = [
            "plan", "credits", "usage", "limits", "history", "receipts", "workspaces", "profile",
            "security", "data",
        ]
        return Realm(
            cookie: .session, caller: caller, signIn: site.signsInElsewhere ? "/enter" : "/signin",
            leadsBack: !site.signsInElsewhere, signOut: "/signout", home: "/account",
            name: "account",
            sides: [Side("account", "/account")] + names.map { Side($0, "/account/\($0)") },
            homes: [
                "upgrade": "plan", "cancel": "plan", "call": "usage", "delete": "data",
                "result": "history", "delete_result": "history", "top_up": "credits",
            ],
            isConsole: false, zone: zone, hiddenSides: hiddenSides)
    }

    /// The operators' console.
    package static func console(
        sides: [Side], caller: @escaping @Sendable (String) async throws -> Caller?
    ) -> Realm {
        Realm(
            cookie: .console, caller: caller, signIn: "/console/signin", leadsBack: true,
            signOut: "/console/signout", home: "/console", name: "console", sides: sides,
            homes: [:], isConsole: true, zone: nil, hiddenSides: nil)
    }
}
