import Database
import FoundationEssentials
import Synchronization
import UsageReports
import Workspaces

/// Gives the Free plan to personal workspaces that have no subscription: those that were activated
/// before the API product was offered, or by a process that ended in between.
package final class MissingPlans: Sendable {
    /// Workspaces that are looked at in one database transaction.
    private static let page: Int64 = 200

    private let parts: WorkspaceAccountParts
    /// The last workspace that was looked at: each process looks at each once.
    private let reached = Mutex<UUID?>(nil)

    package init(parts: WorkspaceAccountParts) {
        self.parts = parts
    }

    /// Looks at all that it has not looked at, if the product is offered.
    package func give() async throws {
        var isAll = false
        while !isAll, !Task.isCancelled { isAll = try await givePage() }
    }

    /// - Returns: whether it was the last page.
    private func givePage() async throws -> Bool {
        let after = reached.withLock { $0 }
        let (ids, missing) = try await parts.workspaces.database.read { [parts] connection in
            try parts.page(after: after, limit: Self.page, in: connection)
        }
        for id in missing { try await parts.workspaces.subscribe(id) }
        if let last = ids.last { reached.withLock { $0 = last } }
        return ids.count < Self.page
    }
}

extension WorkspaceAccountParts {
    /// - Returns: personal workspaces, and which of them have no subscription; none where the
    ///   product is not offered.
    fileprivate func page(
        after id: UUID?, limit: Int64, in connection: any DatabaseConnection
    ) throws -> (ids: [UUID], missing: [UUID]) {
        guard try catalog.ifOffered(in: connection) != nil else { return ([], []) }
        let ids = try WorkspaceRow.personalIDs(after: id, limit: limit, in: connection)
        guard !ids.isEmpty else { return ([], []) }
        let standings = try ledger.standings(of: ids, by: workspaces.clock, in: connection)
        return (ids, zip(ids, standings).filter { $1 == nil }.map(\.0))
    }
}
