import Identity
import Mail
import WorkspaceKeys
import Workspaces

extension CareerServices {
    var workspaces: WorkspaceParts {
        WorkspaceParts(
            database: core.database, clock: core.clock, secrets: secrets,
            throttle: AuthThrottle(
                secrets: secrets, exemptsLoopback: core.settings.isDevelopment),
            outbox: outbox)
    }

    /// What is done for identity and workspaces now and then.
    func sweepPeople() async throws {
        try await identitySweeper.sweep()
        try await KeyExpiryNotices(parts: workspaces).send()
    }
}

extension OtherTraces {
    static func ofWorkspaces(_ outbox: MailOutbox) -> OtherTraces {
        let mails = WorkspaceMails(outbox: outbox)
        return OtherTraces(
            refusal: { try UsersWorkspaces.refusalToErase($0, in: $1) },
            erase: { try UsersWorkspaces.erase($0, mails, in: $1, now: $2) })
    }
}
