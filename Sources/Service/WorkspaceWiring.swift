import Identity
import Ledger
import LedgerStore
import Mail
import Promotions
import Settings
import Subscriptions
import Users
import WorkspaceAccounts
import WorkspaceBilling
import WorkspaceKeys
import Workspaces

extension CareerServices {
    var workspaces: WorkspaceParts {
        var parts = WorkspaceParts(
            database: core.database, clock: core.clock, secrets: secrets,
            throttle: AuthThrottle(
                secrets: secrets, exemptsLoopback: core.settings.isDevelopment),
            mails: WorkspaceMails(outbox: outbox, site: core.settings.publicURL),
            subscribe: { [core, former] in try await core.subscribeFree($0, former) },
            balance: { [core] in try core.credits(of: $0, in: $1) })
        parts.billingEmailChanged = CustomerEmails(billing: apiBilling).announcement
        return parts
    }

    var workspaceBilling: WorkspaceBillingParts {
        WorkspaceBillingParts(
            workspaces: workspaces, accounts: workspaceAccounts, billing: apiBilling,
            publicURL: core.settings.publicURL,
            hadTrial: { [former] user, connection in
                try former.find(former.key(of: user, .api), in: connection)?.account.trialUsed
                    ?? false
            })
    }

    var workspaceAccounts: WorkspaceAccountParts {
        WorkspaceAccountParts(
            workspaces: workspaces, ledger: core.apiLedger, catalog: core.apiCatalog,
            redemption: CodeRedemption(
                database: core.database, ledger: core.apiLedger, former: former,
                clock: core.clock))
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
        _ core: CareerCore, _ formers: FormerAccounts, _ outbox: MailOutbox,
        _ billing: CareerBillingService
    ) -> OtherTraces {
        let mails = WorkspaceMails(outbox: outbox, site: core.settings.publicURL)
        return OtherTraces(
            refusal: { try UsersWorkspaces.refusalToErase($0, in: $1) },
            erase: { user, requestID, connection, now in
                let hadTrial = try OwnerTrials.wasUsed(by: user.id, in: connection)
                var former: FormerAccount?
                if let personal = try WorkspaceRow.personal(of: user.id, in: connection) {
                    // The account is locked before its workspace, as by a call; one that is made
                    // at this very moment is locked once the workspace is.
                    try AccountRows.lock(personal.id, of: .of(.api), in: connection)
                    try UsersWorkspaces.lock(of: user.id, in: connection)
                    try EndWorkspaceBilling(billing: billing).close(
                        personal.id, requestID: requestID, in: connection, now: now)
                    former = try core.former(of: personal.id, in: connection)
                    try AccountRows.erase(personal.id, of: .of(.api), in: connection)
                }
                if hadTrial { former = (former ?? .over(at: now)).withTrialUsed }
                if let former {
                    try formers.remember(
                        former, hasBought: false, under: formers.key(of: user, .api),
                        in: connection, now: now)
                }
                try UsersWorkspaces.erase(
                    user, mails, CustomerEmails(billing: billing).announcement, in: connection,
                    now: now)
            })
    }
}
