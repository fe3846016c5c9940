import Database
import FoundationEssentials
import Ledger
import LedgerStore
import Mail
import Users
import Values

/// A product as its subscriptions at Stripe are mirrored and sold: what differs between products is
/// here, and nowhere else.
package struct BilledProduct: Sendable {
    /// Where its subscriptions lie.
    package let tables: ProductTables
    /// The member of Stripe's metadata that names the holder of an account.
    package let holderKey: String
    /// What operators read of a holder as, e.g. `user`.
    package let noun: String
    package let checkouts: CheckoutTable
    /// The user who alone can cancel what a holder pays for; `nil` for a holder who is gone.
    package let payer: @Sendable (UUID, any DatabaseConnection) throws -> UUID?
    /// How an operator gives a holder to another user; `nil` for one that cannot be given.
    package let givingAway: @Sendable (UUID, any DatabaseConnection) throws -> String?
    /// The address that a holder's customer at Stripe has.
    package let address: @Sendable (UUID, any DatabaseConnection) throws -> String?
    /// Mails who pays for a holder, and says whether there is an address of theirs.
    package let tell: @Sendable (PayersMail, any DatabaseConnection) throws -> Bool
    /// Locks who begins to buy for a holder, and throws for who is gone.
    package let lockBuyer: @Sendable (UUID, any DatabaseConnection, Timestamp) throws -> Void
    /// Whether a holder is there, and locked if that is asked for.
    package let isThere: @Sendable (UUID, _ locked: Bool, any DatabaseConnection) throws -> Bool
    /// The seats that a holder has here; `nil` for who has none that Stripe could differ on.
    package let seats: @Sendable (UUID, any DatabaseConnection) throws -> HeldSeats?
    /// Whether the Free plan follows a holder's paid one.
    let keepsFree: @Sendable (UUID) async throws -> Bool
    /// Whether a holder who is there has no account before their first checkout.
    package let isToOpen: @Sendable (UUID, any DatabaseConnection) throws -> Bool
    /// What is written with a change of an account, in its database transaction.
    package let follow: @Sendable (MirroredChange, any DatabaseConnection) throws -> Void

    package init(
        tables: ProductTables, holderKey: String, noun: String, checkouts: CheckoutTable,
        payer: @escaping @Sendable (UUID, any DatabaseConnection) throws -> UUID?,
        givingAway: @escaping @Sendable (UUID, any DatabaseConnection) throws -> String?,
        address: @escaping @Sendable (UUID, any DatabaseConnection) throws -> String?,
        tell: @escaping @Sendable (PayersMail, any DatabaseConnection) throws -> Bool,
        lockBuyer: @escaping @Sendable (UUID, any DatabaseConnection, Timestamp) throws -> Void,
        isThere: @escaping @Sendable (UUID, Bool, any DatabaseConnection) throws -> Bool,
        seats: @escaping @Sendable (UUID, any DatabaseConnection) throws -> HeldSeats?,
        keepsFree: @escaping @Sendable (UUID) async throws -> Bool,
        isToOpen: @escaping @Sendable (UUID, any DatabaseConnection) throws -> Bool,
        follow: @escaping @Sendable (MirroredChange, any DatabaseConnection) throws -> Void
    ) {
        self.tables = tables
        self.holderKey = holderKey
        self.noun = noun
        self.checkouts = checkouts
        self.payer = payer
        self.givingAway = givingAway
        self.address = address
        self.tell = tell
        self.lockBuyer = lockBuyer
        self.isThere = isThere
        self.seats = seats
        self.keepsFree = keepsFree
        self.isToOpen = isToOpen
        self.follow = follow
    }

    /// Users, who buy for themselves.
    package static var career: BilledProduct {
        BilledProduct(
            tables: .of(.career), holderKey: "user_id", noun: "user",
            checkouts: .career, payer: { user, _ in user }, givingAway: { _, _ in nil },
            address: { try UserRow.find(id: $0, in: $1)?.email },
            tell: { mail, connection in
                guard let user = try UserRow.find(id: mail.holder, in: connection) else {
                    return true
                }
                try mail.outbox.enqueue(
                    mail.content, to: user, id: mail.id, requestID: mail.requestID,
                    in: connection, now: mail.at)
                return user.mailRecipient != nil
            },
            lockBuyer: { try UserRow.lockBuyer($0, in: $1, now: $2) },
            isThere: { user, locked, connection in
                try locked
                    ? UserRow.findLocked(id: user, in: connection) != nil
                    : UserRow.find(id: user, in: connection) != nil
            },
            seats: { _, _ in nil }, keepsFree: { _ in true },
            isToOpen: { _, _ in false }, follow: { _, _ in })
    }

    /// What an operator does about money that has bought nothing.
    package var remedy: String {
        "refund it at Stripe" + (isCareer ? ", or give credits with cuebx users adjust" : "")
    }

    var isCareer: Bool { tables.product == .career }

    package func forgetCustomerKey(
        _ key: String, in connection: any DatabaseConnection
    ) throws {
        try Checkouts.forgetCustomerKey(key, checkouts, in: connection)
    }

    /// E.g. `user 0198…`.
    package func named(_ holder: UUID) -> String { "\(noun) \(holder.text)" }
}

/// A mail on what a holder pays for.
package struct PayersMail: Sendable {
    package let content: MailContent
    package let holder: UUID
    /// The mail's own, where its reason may be worked off twice.
    package let id: UUID?
    package let requestID: String?
    package let at: Timestamp
    package let outbox: MailOutbox

    package init(
        content: MailContent, holder: UUID, id: UUID? = nil, requestID: String?, at: Timestamp,
        outbox: MailOutbox
    ) {
        self.content = content
        self.holder = holder
        self.id = id
        self.requestID = requestID
        self.at = at
        self.outbox = outbox
    }
}

/// An account after what Stripe says was applied to it.
package struct MirroredChange: Sendable {
    package let account: Account
    /// What is paid for; `nil` where the plan has none, or is none of ours.
    package let seats: SubscribedSeats?
    /// Whether what is subscribed to now, and nothing earlier, paid for the running period.
    package let paysForPeriod: Bool
    package let requestID: String?
    package let at: Timestamp

    package init(
        account: Account, seats: SubscribedSeats?, paysForPeriod: Bool, requestID: String?,
        at: Timestamp
    ) {
        self.account = account
        self.seats = seats
        self.paysForPeriod = paysForPeriod
        self.requestID = requestID
        self.at = at
    }
}
