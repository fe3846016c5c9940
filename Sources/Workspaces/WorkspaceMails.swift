import APIKeys
import BillingEmails
import Database
import FoundationEssentials
import Identity
import Mail
import Users
import Values
import WorkspaceAuditLog

/// What is mailed of workspaces, in the database transaction of what it tells of.
package struct WorkspaceMails: Sendable {
    /// Administrators of a workspace whom one mail goes to.
    static let maximumAdministrators: Int64 = 50

    package typealias AddressChange =
        @Sendable (UUID, _ requestID: String?, any DatabaseConnection, Timestamp) throws -> Void

    let outbox: MailOutbox
    /// Where the pages are that mails lead to, without a slash at the end.
    let site: String

    package init(outbox: MailOutbox, site: String) {
        self.outbox = outbox
        self.site = site
    }

    /// To the invited address; the token is sealed until the mail is sent.
    package func invite(
        _ invitation: InvitationRow, token: String, _ decision: WorkspaceDecision
    ) throws {
        guard let email = EmailAddress(invitation.email) else { return }
        try outbox.enqueue(
            .workspaceInvitation(
                token, to: decision.workspace.displayName, role: invitation.role.rawValue,
                days: InvitationRow.lifetimeSeconds / 86_400, site: site),
            to: email, requestID: decision.call.id, in: decision.connection, now: decision.now)
    }

    package func accepted(_ user: UserRow, _ decision: WorkspaceDecision) throws {
        try tellAdministrators(
            .workspaceJoined(decision.workspace.displayName, who: user.email ?? "-"), decision,
            but: user.id)
    }

    package func removed(_ member: MemberRow, _ decision: WorkspaceDecision) throws {
        try tell(member.userID, .workspaceLeft(decision.workspace.displayName), decision)
    }

    package func disabled(_ member: MemberRow, _ decision: WorkspaceDecision) throws {
        try tell(member.userID, .workspaceSeatLost(decision.workspace.displayName), decision)
    }

    /// - Parameter id: the mail's own: its reason may be worked off twice.
    package func disabled(
        _ user: UserRow, _ workspace: WorkspaceRow, id: UUID, _ requestID: String?,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try outbox.enqueue(
            .workspaceSeatLost(workspace.displayName), to: user, id: id, requestID: requestID,
            in: connection, now: now)
    }

    /// To the address that bills are to go to; the code is sealed until the mail is sent.
    func proveBilling(
        _ email: EmailAddress, code: String, ofWorkspaceNamed name: String,
        _ decision: WorkspaceDecision
    ) throws {
        try outbox.enqueue(
            .workspaceBillingCode(code, of: name, minutes: OneTimeCodes.lifetimeSeconds / 60),
            to: email, requestID: decision.call.id, in: decision.connection, now: decision.now)
    }

    /// To where the workspace's bills go.
    ///
    /// - Parameter id: the mail's own, where its reason may be worked off twice.
    package func tellPayer(
        _ content: MailContent, of workspace: WorkspaceRow, id: UUID? = nil, requestID: String?,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        if let email = try billingAddress(of: workspace, in: connection) {
            return try outbox.enqueue(
                content, to: email, id: id, requestID: requestID, in: connection, now: now)
        }
        guard let owner = try UserRow.find(id: workspace.ownerID, in: connection) else { return }
        try outbox.enqueue(
            content, to: owner, id: id, requestID: requestID, in: connection, now: now)
    }

    /// The address of the workspace's own. It is read again behind the lock of whose account has
    /// it: who is erased meanwhile is mailed to no more.
    private func billingAddress(
        of workspace: WorkspaceRow, in connection: any DatabaseConnection
    ) throws -> EmailAddress? {
        func read() throws -> EmailAddress? {
            try BillingEmail.find(workspace.id, in: connection).address
                .flatMap { EmailAddress($0) }
        }
        guard let email = try read() else { return nil }
        if let payer = try UserRow.find(emailKey: email.key, in: connection) {
            _ = try UserRow.findLocked(id: payer.id, in: connection)
        }
        return try read()
    }

    /// To the owner, whose team it is, and to where its bills go, if that is another address.
    ///
    /// - Parameter act: what the change of the subscription did.
    package func subscription(
        _ act: WorkspaceAct, _ workspace: WorkspaceRow, _ requestID: String?,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        let name = workspace.displayName
        let content: MailContent
        switch act {
        case .frozen: content = .workspaceFrozen(name)
        case .unfrozen:
            content = .workspaceUnfrozen(name, seats: workspace.subscription.seatCount)
        default: content = .workspaceSeats(name, workspace.subscription)
        }
        try tellOwnerAndPayer(
            content, of: workspace, requestID: requestID, in: connection, now: now)
    }

    /// To the owner, and to where the workspace's bills go, if that is another address.
    package func tellOwnerAndPayer(
        _ content: MailContent, of workspace: WorkspaceRow, requestID: String?,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        let owner = try UserRow.find(id: workspace.ownerID, in: connection)
        if let owner {
            try outbox.enqueue(
                content, to: owner, requestID: requestID, in: connection, now: now)
        }
        guard let payer = try billingAddress(of: workspace, in: connection),
            payer.key != owner?.email?.lowercased()
        else { return }
        try tellPayer(
            content, of: workspace, requestID: requestID, in: connection, now: now)
    }

    package func roleChanged(_ member: MemberRow, _ decision: WorkspaceDecision) throws {
        try tell(
            member.userID,
            .workspaceRole(decision.workspace.displayName, role: member.role.rawValue),
            decision)
    }

    func ownershipReceived(
        _ user: UserRow, _ workspace: WorkspaceRow, _ requestID: String?,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try outbox.enqueue(
            .workspaceOwnership(workspace.displayName), to: user, requestID: requestID,
            in: connection, now: now)
    }

    /// To the owner: what an admin leaves behind.
    func keysOfFormerAdmin(
        _ who: String, _ prefixes: [String], _ workspace: WorkspaceRow, _ requestID: String?,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        guard let owner = try UserRow.find(id: workspace.ownerID, in: connection) else { return }
        try outbox.enqueue(
            .workspaceKeysOfFormerAdmin(
                workspace.displayName, who: who,
                keys: prefixes.map { $0 + "…" }.joined(separator: ", ")),
            to: owner, requestID: requestID, in: connection, now: now)
    }

    package enum KeyEvent {
        case created
        case revoked
    }

    package func key(_ event: KeyEvent, _ key: APIKeyRow, _ decision: WorkspaceDecision) throws {
        let name = decision.workspace.displayName
        try tellAdministrators(
            event == .created
                ? .workspaceKeyCreated(name, key: key.name, prefix: key.prefix)
                : .workspaceKeyRevoked(name, key: key.name, prefix: key.prefix), decision)
    }

    package func keyExpires(
        _ key: APIKeyRow, _ workspace: WorkspaceRow, in connection: any DatabaseConnection,
        now: Timestamp
    ) throws {
        guard let end = key.expiresAt else { return }
        try tellAdministrators(
            of: workspace,
            .workspaceKeyExpires(
                workspace.displayName, key: key.name, prefix: key.prefix, at: end),
            requestID: nil, in: connection, now: now)
    }

    private func tellAdministrators(
        _ content: MailContent, _ decision: WorkspaceDecision, but left: UUID? = nil
    ) throws {
        try tellAdministrators(
            of: decision.workspace, content, but: left, requestID: decision.call.id,
            in: decision.connection, now: decision.now)
    }

    package func tellAdministrators(
        of workspace: WorkspaceRow, _ content: MailContent, but left: UUID? = nil,
        requestID: String?, in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        let members = try MemberRow.administrators(
            of: workspace, limit: Self.maximumAdministrators, in: connection)
        for member in members where member.userID != left {
            guard let row = try UserRow.find(id: member.userID, in: connection) else { continue }
            try outbox.enqueue(
                content, to: row, requestID: requestID, in: connection, now: now)
        }
    }

    private func tell(
        _ user: UUID, _ content: MailContent, _ decision: WorkspaceDecision
    ) throws {
        guard let row = try UserRow.find(id: user, in: decision.connection) else { return }
        try outbox.enqueue(
            content, to: row, requestID: decision.call.id, in: decision.connection,
            now: decision.now)
    }
}

extension MailContent {
    fileprivate static func workspaceSeats(
        _ workspace: String, _ subscription: WorkspaceSubscription
    ) -> MailContent {
        .workspaceSeats(
            workspace, seats: subscription.seatCount, later: subscription.pendingSeatCount)
    }
}
