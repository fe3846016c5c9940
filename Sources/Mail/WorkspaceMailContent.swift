import Ledger
import Values

// MARK: Workspaces

extension MailContent {
    /// - Parameters:
    ///   - token: of the invitation.
    ///   - site: where the pages are, without a slash at the end.
    package static func workspaceInvitation(
        _ token: String, to workspace: String, role: String, days: Int64, site: String
    ) -> MailContent {
        MailContent(
            .workspaceInvitation,
            [
                "workspace": workspace, "days": "\(days)", "site": site,
                "isAdmin": role == "admin" ? "yes" : nil,
            ], code: token)
    }

    /// - Parameter who: the address of the new member.
    package static func workspaceJoined(_ workspace: String, who: String) -> MailContent {
        MailContent(.workspaceJoined, ["workspace": workspace, "who": who])
    }

    package static func workspaceLeft(_ workspace: String) -> MailContent {
        MailContent(.workspaceLeft, ["workspace": workspace])
    }

    package static func workspaceSeatLost(_ workspace: String) -> MailContent {
        MailContent(.workspaceSeatLost, ["workspace": workspace])
    }

    package static func workspaceRole(_ workspace: String, role: String) -> MailContent {
        MailContent(
            .workspaceRole,
            ["workspace": workspace, "isAdmin": role == "admin" ? "yes" : nil])
    }

    package static func workspaceOwnership(_ workspace: String) -> MailContent {
        MailContent(.workspaceOwnership, ["workspace": workspace])
    }

    /// - Parameters:
    ///   - who: the address of who is no admin any more.
    ///   - keys: the first characters of the live keys that they made.
    package static func workspaceKeysOfFormerAdmin(
        _ workspace: String, who: String, keys: String
    ) -> MailContent {
        MailContent(
            .workspaceKeysOfFormerAdmin, ["workspace": workspace, "who": who, "keys": keys])
    }

    /// - Parameter prefix: the first characters of the key.
    package static func workspaceKeyCreated(
        _ workspace: String, key: String, prefix: String
    ) -> MailContent {
        MailContent(
            .workspaceKeyCreated, ["workspace": workspace, "key": key, "prefix": prefix])
    }

    /// - Parameter prefix: the first characters of the key.
    package static func workspaceKeyRevoked(
        _ workspace: String, key: String, prefix: String
    ) -> MailContent {
        MailContent(
            .workspaceKeyRevoked, ["workspace": workspace, "key": key, "prefix": prefix])
    }

    package static func workspaceFrozen(_ workspace: String) -> MailContent {
        MailContent(.workspaceFrozen, ["workspace": workspace])
    }

    package static func workspaceUnfrozen(_ workspace: String, seats: Int64) -> MailContent {
        MailContent(.workspaceUnfrozen, ["workspace": workspace, "seats": "\(seats)"])
    }

    package static func workspaceBillingCode(
        _ code: String, of workspace: String, minutes: Int64
    ) -> MailContent {
        MailContent(
            .workspaceBillingCode, ["workspace": workspace, "minutes": "\(minutes)"], code: code)
    }

    /// - Parameter later: how many seats there are from the next period on; `nil`: as many.
    package static func workspaceSeats(
        _ workspace: String, seats: Int64, later: Int64?
    ) -> MailContent {
        MailContent(
            .workspaceSeats,
            ["workspace": workspace, "seats": "\(seats)", "later": later.map { "\($0)" }])
    }

    /// - Parameters:
    ///   - prefix: the first characters of the key.
    ///   - end: when it expires.
    package static func workspaceKeyExpires(
        _ workspace: String, key: String, prefix: String, at end: Timestamp
    ) -> MailContent {
        MailContent(
            .workspaceKeyExpires,
            ["workspace": workspace, "key": key, "prefix": prefix, "end": end.day])
    }

    /// A workspace's own limit is reached, or a percentage of it.
    package static func workspaceLimitReached(
        _ workspace: String, _ alert: LimitAlert
    ) -> MailContent {
        MailContent(
            .workspaceLimit, values(of: alert).merging(["workspace": workspace]) { $1 })
    }

    /// A workspace's credits are used up, or nearly.
    package static func workspaceCreditsUsed(
        _ workspace: String, _ alert: CreditAlert, mark: CreditAlert.Mark, now: Timestamp
    ) -> MailContent {
        MailContent(
            .workspaceCreditsUsed,
            [
                "workspace": workspace, "percent": "\(mark.percent)", "used": alert.used.decimal,
                "credits": alert.allocated.decimal,
                "periodEnd": now < alert.period.end ? alert.period.end.day : nil,
                "isUsedUp": mark == .usedUp ? "yes" : nil,
            ])
    }
}
