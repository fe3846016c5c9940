import WorkspaceCommands

extension CareerCore {
    public func workspaceAdministration() async throws -> WorkspaceAdministration {
        let services = try await CareerServices(self)
        return WorkspaceAdministration(services.workspaces)
    }
}
