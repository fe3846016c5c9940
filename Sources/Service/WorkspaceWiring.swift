import Identity
import LedgerStore
import Mail
import WorkspaceAccounts
import WorkspaceKeys
import Workspaces

extension CareerServices {
    var workspaces: WorkspaceParts {
        WorkspaceParts(
            database: core.database, clock: core.clock, secrets: secrets,
            throttle: AuthThrottle(
                secrets: secrets, exemptsLoopback: core.settings.isDevelopment),
            outbox: outbox, subscribe: { [core] in try await core.subscribeFree($0) },
            balance: { [core] in try await core.credits(of: $0) })
    }

    var workspaceAccounts: WorkspaceAccountParts {
        WorkspaceAccountParts(
            workspaces: workspaces, ledger: core.apiLedger, catalog: core.apiCatalog)
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
            erase: { user, connection, now in
                if let personal = try WorkspaceRow.personal(of: user.id, in: connection) {
                    try AccountRows.erase(personal.id, of: .of(.api), in: connection)
                }
                try UsersWorkspaces.erase(user, mails, in: connection, now: now)
            })
    }
}
