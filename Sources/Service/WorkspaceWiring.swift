import Identity
import LedgerStore
import Mail
import Users
import WorkspaceAccounts
import WorkspaceKeys
import Workspaces

extension CareerServices {
    var workspaces: WorkspaceParts {
        WorkspaceParts(
            database: core.database, clock: core.clock, secrets: secrets,
            throttle: AuthThrottle(
                secrets: secrets, exemptsLoopback: core.settings.isDevelopment),
            mails: WorkspaceMails(outbox: outbox, site: core.settings.publicURL),
            subscribe: { [core, former] in try await core.subscribeFree($0, former) },
            balance: { [core] in try core.credits(of: $0, in: $1) })
    }

    var workspaceAccounts: WorkspaceAccountParts {
        WorkspaceAccountParts(
            workspaces: workspaces, ledger: core.apiLedger, catalog: core.apiCatalog)
    }

    /// What is done for identity and workspaces now and then.
    func sweepPeople() async throws {
        try await identitySweeper.sweep()
        try await tellKeysEnds()
    }

    func tellKeysEnds() async throws { try await KeyExpiryNotices(parts: workspaces).send() }
}

extension OtherTraces {
    /// What workspaces keep of a user.
    static func of(
        _ core: CareerCore, _ formers: FormerAccounts, _ outbox: MailOutbox
    ) -> OtherTraces {
        let mails = WorkspaceMails(outbox: outbox, site: core.settings.publicURL)
        return OtherTraces(
            refusal: { try UsersWorkspaces.refusalToErase($0, in: $1) },
            erase: { user, connection, now in
                if let personal = try WorkspaceRow.personal(of: user.id, in: connection) {
                    // The account is locked before its workspace, as by a call; one that is made
                    // at this very moment is locked once the workspace is.
                    try AccountRows.lock(personal.id, of: .of(.api), in: connection)
                    try UsersWorkspaces.lock(of: user.id, in: connection)
                    if let former = try core.former(of: personal.id, in: connection) {
                        try formers.remember(
                            former, hasBought: false, under: formers.key(of: user, .api),
                            in: connection, now: now)
                    }
                    try AccountRows.erase(personal.id, of: .of(.api), in: connection)
                }
                try UsersWorkspaces.erase(user, mails, in: connection, now: now)
            })
    }
}
