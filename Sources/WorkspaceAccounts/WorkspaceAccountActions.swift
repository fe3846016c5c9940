import FoundationEssentials
import HTTPEndpoint
import Workspaces

/// The actions, for pages that do the same.
extension WorkspaceAccountParts {
    package var listLogs: ListWorkspaceUsageLogs { ListWorkspaceUsageLogs(parts: self) }
    package var explain: ExplainWorkspaceUsage { ExplainWorkspaceUsage(parts: self) }
    package var subscription: GetWorkspaceSubscription { GetWorkspaceSubscription(parts: self) }

    /// Whether the API product is offered here.
    package func isOffered() async throws -> Bool {
        try await catalog.ifOffered(in: workspaces.database) != nil
    }
}
