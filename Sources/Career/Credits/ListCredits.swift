import Database
import FoundationEssentials
import HTTPEndpoint
import Ledger
import LedgerStore
import UsageReports
import Values

/// `GET /career/credits`: the running period's pool and the grants beside it. Those that are open
/// come first, in the order in which calls draw on them, and all of them on the first page; the
/// others follow, newest first.
package struct ListCredits: Action {
    let quota: CareerQuotaService
    let database: any Database

    /// Lines of the pool that are shown.
    private static let maximumLines: Int64 = 100

    package static let about = About(
        "My credits by their grants, in the order in which they are used", access: .user,
        refusals: [.subscriptionNotFound],
        links: [Link(to: "ListCredits", "cursor", from: "/next_cursor", "The next page.")],
        isLarge: true)

    package struct Page: Sendable {
        let after: UUID?
        let limit: Int64

        package init(after: UUID?, limit: Int64) {
            self.after = after
            self.limit = limit
        }
    }

    package func read(_ input: inout InputReader) -> Page {
        Page(
            after: input.query("cursor", .cursor, "`next_cursor` of the page before."),
            limit: input.query(
                "limit", .integer(1...100), "Grants that are over a page; 20 if not given.") ?? 20)
    }

    package func perform(_ page: Page, _ call: Call) async throws -> Reply<CreditListResponse> {
        let userID = try call.user().userID
        guard let standing = try await quota.standing(of: userID) else {
            throw Problem.subscriptionNotFound
        }
        let open = Set(standing.account.grants.filter(\.isOpen).map(\.id))
        // One more than asked for, which tells whether another page follows.
        let read = try await database.read { connection in
            let grants = try StandaloneGrantRow.page(
                of: userID, before: page.after, limit: page.limit + 1 + Int64(open.count),
                in: connection)
            let pool =
                page.after == nil
                ? try Self.pool(of: standing, user: userID, in: connection) : nil
            return (grants: grants, pool: pool)
        }
        let over = read.grants.filter { !open.contains($0.id) }
        let shown = over.prefix(Int(page.limit))
        var entries: [CreditEntryResponse] = []
        if let pool = read.pool {
            entries = standing.account.inDrawOrder(at: standing.now, grace: standing.grace)
                .map { $0.map(CreditEntryResponse.init) ?? pool }
        }
        entries += shown.map { CreditEntryResponse($0.settled(at: standing.now)) }
        return Reply(
            CreditListResponse(
                grants: entries,
                nextCursor: over.count > shown.count ? shown.last.map { Cursor.text($0.id) } : nil))
    }

    private static func pool(
        of standing: AccountStanding, user: UUID, in connection: any DatabaseConnection
    ) throws -> CreditEntryResponse {
        let number = standing.account.context.period.number
        let stored = try AccountHistory.grants(
            of: user, after: [.integer(number), .time(.epoch), .text(""), .text("")],
            limit: maximumLines, in: connection)
        guard stored.isEmpty else {
            return CreditEntryResponse(
                standing,
                given: try AccountHistory.given(to: user, period: number, in: connection),
                lines: stored)
        }
        // The next decision writes them.
        let given = standing.begun.reduce(.zero) { $0 + max(.zero, $1.credits) }
        return CreditEntryResponse(standing, given: given, lines: standing.begun)
    }
}

package struct CreditListResponse: JSONObjectOutput {
    package let grants: [CreditEntryResponse]
    package let nextCursor: String?

    package static let about = "Credits by their grants."
    package static let fields: [OutputField<CreditListResponse>] = [
        OutputField(
            "grants", .array(.object), "Open ones first, in draw order; then the newest first."
        ) {
            $0.grants
        },
        OutputField("next_cursor", .nullable(.text), "null on the last page.") { $0.nextCursor },
    ]
}
