import Database
import FoundationEssentials
import HTTPEndpoint
import Ledger
import LedgerStore
import UsageReports
import Values

/// `GET /career/usage/logs/{usage_id}`: why was I charged?
package struct ExplainUsage: Action {
    let database: any Database
    let catalog: CatalogStore
    let clock: DecisionClock

    package static let about = About(
        "Why was I charged?",
        details: """
            The log, by which prices it was charged, what I could spend before and after, what it \
            was charged to, and what happened from its hold to its end. Another's call is not found.
            """,
        access: .user, refusals: [.usageNotFound])

    package func read(_ input: inout InputReader) -> UUID {
        input.path("usage_id", .uuid, "The call.")
    }

    package func perform(_ id: UUID, _ call: Call) async throws -> Reply<UsageExplanationResponse> {
        let userID = try call.user().userID
        let explanation = try await database.read { [catalog, clock] connection in
            try CallRecord.explain(id, of: userID, catalog, at: clock.now(), in: connection)
        }
        guard let explanation else { throw Problem.usageNotFound }
        return Reply(UsageExplanationResponse(explanation))
    }
}
