import Workspaces

extension CareerCore {
    public func workspaceAdministration() async throws -> WorkspaceAdministration {
        let services = try await CareerServices(self, requests: RequestLog(logger: logger))
        return WorkspaceAdministration(services.workspaces)
    }
}
