import Billing
import BillingEmails
import Database
import FoundationEssentials
import HTTPEndpoint
import Ledger
import LedgerStore
import Messaging
import Users
import Values
import Workspaces

extension CheckoutTable {
    package static var workspaces: CheckoutTable {
        CheckoutTable(name: "workspace_checkouts", holder: "workspace_id", hasSeats: true)
    }
}

/// How what workspaces subscribe to is mirrored and sold.
package struct WorkspaceProduct: Sendable {
    package let database: any Database
    private let mails: WorkspaceMails
    package let losses: SeatLosses
    private var take: TakeSubscription {
        TakeSubscription(mails) { [losses] in
            try losses.announce($0, $1, $2, in: $3, now: $4)
        }
    }
    /// Seconds for which what was paid for stays usable after its end.
    package let grace: Int64
    /// Whether a change of a workspace's seats is under way.
    private let isChanging: @Sendable (UUID, any DatabaseConnection, Timestamp) throws -> Bool

    package init(
        database: any Database, broker: any MessageBroker, mails: WorkspaceMails, grace: Int64,
        isChanging: @escaping @Sendable (UUID, any DatabaseConnection, Timestamp) throws -> Bool
    ) {
        self.database = database
        self.mails = mails
        losses = SeatLosses(broker: broker, mails: mails)
        self.grace = grace
        self.isChanging = isChanging
    }

    /// Every workspace has a customer of its own, whoever clicks.
    package var billed: BilledProduct {
        BilledProduct(
            tables: .of(.api), holderKey: "workspace_id", noun: "workspace",
            checkouts: .workspaces,
            payer: { try WorkspaceRow.find($0, in: $1)?.ownerID },
            givingAway: { workspace, connection in
                try WorkspaceRow.find(workspace, in: connection)?.isPersonal == false
                    ? "give the team to a member with cuebx workspaces transfer \(workspace.text)"
                    : nil
            },
            address: { try Self.address(of: $0, in: $1) },
            tell: { [mails] mail, connection in
                guard let row = try WorkspaceRow.find(mail.holder, in: connection) else {
                    return true
                }
                try mails.tellPayer(
                    mail.content.billed(to: row.displayName), of: row, id: mail.id,
                    requestID: mail.requestID,
                    in: connection, now: mail.at)
                return try Self.address(of: row.id, in: connection) != nil
            },
            lockBuyer: { workspace, connection, now in
                guard let row = try WorkspaceRow.find(workspace, in: connection) else {
                    throw Problem.workspaceNotFound
                }
                // The owner first, as by who creates a team.
                try UserRow.lockBuyer(row.ownerID, in: connection, now: now)
                guard try WorkspaceRow.findLocked(workspace, in: connection) != nil,
                    try !WorkspaceDeletions.isUnderWay(of: workspace, in: connection, now: now)
                else {
                    throw Problem.workspaceNotFound
                }
            },
            isThere: { workspace, locked, connection in
                try locked
                    ? WorkspaceRow.findLocked(workspace, in: connection) != nil
                    : WorkspaceRow.find(workspace, in: connection) != nil
            },
            seats: { workspace, connection in
                guard let row = try WorkspaceRow.find(workspace, in: connection),
                    row.subscription.standing != .none
                else { return nil }
                guard !row.isPersonal else { return nil }
                return HeldSeats(
                    count: row.subscription.seatCount,
                    pending: row.subscription.pendingSeatCount)
            },
            keepsFree: { [database] workspace in
                try await database.read {
                    try WorkspaceRow.find(workspace, in: $0)?.isPersonal ?? false
                }
            },
            isToOpen: { workspace, connection in
                try WorkspaceRow.find(workspace, in: connection)?.isPersonal == false
                    && !LinkedSubscription.hasAccount(workspace, of: .of(.api), in: connection)
            },
            follow: { change, connection in try follow(change, in: connection) })
    }

    /// Where bills go: the address that was proven, else the owner's.
    private static func address(
        of workspace: UUID, in connection: any DatabaseConnection
    ) throws -> String? {
        if let proven = try BillingEmail.find(workspace, in: connection).address { return proven }
        return try WorkspaceRow.find(workspace, in: connection)
            .flatMap { try UserRow.find(id: $0.ownerID, in: connection)?.email }
    }

    private func follow(
        _ change: MirroredChange, in connection: any DatabaseConnection
    ) throws {
        let id = change.account.subscription.userID
        // Of a workspace that is deleted there is nothing to give.
        guard let workspace = try WorkspaceRow.findLocked(id, in: connection) else { return }
        let standing = SubscriptionStanding(
            change.account, seats: change.seats, paysForPeriod: change.paysForPeriod,
            isChanging: try isChanging(id, connection, change.at), of: workspace, grace: grace,
            at: change.at)
        let isQuiet = try WorkspaceDeletions.isUnderWay(of: id, in: connection, now: change.at)
        _ = try take.perform(
            standing.subscription, hasEnded: standing.hasEnded, isQuiet: isQuiet, of: id,
            requestID: change.requestID, in: connection, now: change.at)
        if change.account.subscription.trialUsed {
            try OwnerTrials.use(by: workspace.ownerID, in: id, connection)
        }
    }
}
