import HTTPEndpoint
import PageFrame

/// How things stand, at a glance.
struct OverviewPage: ConsolePage {
    let console: ConsoleParts

    static let about = AboutPage.console("overview")

    func read(_ input: inout InputReader) {}

    func view(_ input: Void, _ desk: Desk) async throws -> PageView {
        var you = ConsoleSection("you")
        let spoken = Spoken(words: words)
        you.facts = [
            ("operator", desk.session.email.escapedForHTML),
            ("role", words.html("role.\(desk.role.rawValue)")),
            ("session_ends", spoken.instant(desk.session.expiresAt, now: console.now)),
        ]
        return page(words.html("console.overview"), [you])
    }
}
