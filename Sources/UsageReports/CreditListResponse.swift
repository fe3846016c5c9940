import Database
import FoundationEssentials
import HTTPEndpoint
import Ledger
import LedgerStore
import Values

/// Which page of an account's credits is asked for.
package struct CreditPage: Sendable {
    let after: UUID?
    let limit: Int64

    package init(after: UUID?, limit: Int64) {
        self.after = after
        self.limit = limit
    }

    package init(_ input: inout InputReader) {
        after = input.query("cursor", .cursor, "`next_cursor` of the page before.")
        limit =
            input.query(
                "limit", .integer(1...100), "Grants that are over a page; 20 if not given.") ?? 20
    }
}

/// The running period's pool and the grants beside it. Those that are open come first, in the order
/// in which calls draw on them, and all of them on the first page; the others follow, newest first.
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

extension AccountStanding {
    /// Lines of the pool that are shown.
    private static let maximumLines: Int64 = 100

    /// A page of the account's credits.
    ///
    /// - Parameter t: the tables of the account's product.
    package func credits(
        _ page: CreditPage, _ t: ProductTables, in connection: any DatabaseConnection
    ) throws -> CreditListResponse {
        let open = Set(account.grants.filter(\.isOpen).map(\.id))
        // One more than asked for, which tells whether another page follows.
        let grants = try StandaloneGrantRow.page(
            of: account.subscription.userID, before: page.after,
            limit: page.limit + 1 + Int64(open.count), t, in: connection)
        let over = grants.filter { !open.contains($0.id) }
        let shown = over.prefix(Int(page.limit))
        var entries: [CreditEntryResponse] = []
        if page.after == nil {
            let pool = try pool(t, in: connection)
            entries = account.inDrawOrder(at: now, grace: grace)
                .map { $0.map(CreditEntryResponse.init) ?? pool }
        }
        entries += shown.map { CreditEntryResponse($0.settled(at: now)) }
        return CreditListResponse(
            grants: entries,
            nextCursor: over.count > shown.count ? shown.last.map { Cursor.text($0.id) } : nil)
    }

    private func pool(
        _ t: ProductTables, in connection: any DatabaseConnection
    ) throws -> CreditEntryResponse {
        let (holder, number) = (account.subscription.userID, account.context.period.number)
        let stored = try AccountHistory.grants(
            of: holder, after: [.integer(number), .time(.epoch), .text(""), .text("")],
            limit: Self.maximumLines, t, in: connection)
        guard stored.isEmpty else {
            let given = try AccountHistory.given(to: holder, period: number, t, in: connection)
            return CreditEntryResponse(self, given: given, lines: stored)
        }
        // The next decision writes them.
        let given = begun.reduce(.zero) { $0 + max(.zero, $1.credits) }
        return CreditEntryResponse(self, given: given, lines: begun)
    }
}
