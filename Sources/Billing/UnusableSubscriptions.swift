import Database
import Foundation
import Ledger
import Stripe
import Users
import Values

/// A holder who pays, and whose payments nobody can cancel: the one user who could is not let in.
package struct LockedOutPayer: Sendable {
    /// Why the user is not let in.
    package enum Reason: Sendable, Hashable {
        case deactivated
        /// Of an issuer whose tokens no setting accepts.
        case issuer(String)
    }

    package let userID: UUID
    package let reason: Reason
    /// What an operator can do about it, in words.
    package let remedy: String

    /// - Parameter accepts: whether the tokens of another issuer let its users in.
    /// - Returns: `nil` if somebody can cancel, or the holder is gone.
    package static func find(
        of holder: UUID, _ product: BilledProduct, accepts: (String) -> Bool,
        in connection: any DatabaseConnection
    ) throws -> LockedOutPayer? {
        guard let id = try product.payer(holder, connection),
            let user = try UserRow.find(id: id, in: connection)
        else { return nil }
        let reason: Reason
        if !user.isActive {
            reason = .deactivated
        } else if let issuer = user.issuer, !accepts(issuer) {
            reason = .issuer(issuer)
        } else {
            return nil
        }
        let cancel = "cancel it with cuebx users deactivate \(id.text) --cancel now"
        let give = try product.givingAway(holder, connection).map { "\($0), or " } ?? ""
        return LockedOutPayer(userID: id, reason: reason, remedy: give + cancel)
    }
}

/// Nobody is to pay for what they cannot cancel: a payment of somebody who is locked out is told to
/// the operator, once for each period.
extension StripeMirror {
    func tellOfLockedOut(
        _ subscription: StripeSubscription, _ outcome: ApplyBilling.Outcome, owner: UUID
    ) async throws {
        guard case .applied(let account, let events) = outcome, !subscription.isOver else {
            return
        }
        guard !Set(events).isDisjoint(with: [.activated, .renewed, .upgraded]) else { return }
        let payer = try await database.read { [product] in
            try LockedOutPayer.find(of: owner, product, accepts: { _ in true }, in: $0)
        }
        guard let payer else { return }
        try await notices.add(
            "deactivated_payer",
            subject: "\(subscription.id) \(account.context.period.start.rfc3339)",
            "\(subscription.id) was paid by \(product.named(owner)), and user \(payer.userID.text) "
                + "is deactivated, who alone could cancel it: \(payer.remedy), or let them in "
                + "again.")
    }
}

extension BillingSnapshotReader.Reading {
    /// When the month ends that is paid for, where the plan was made one by the year within it
    /// and no year is; `nil` for all others.
    package func endWithoutYear(_ catalog: Catalog) -> Timestamp? {
        guard snapshot.status == .active, let item, let paid = snapshot.paid,
            snapshot.planID.flatMap({ catalog.plan($0) })?.interval == .year,
            paid.planID.flatMap({ catalog.plan($0) })?.interval == .month,
            // What begins when the month is over has its own invoice, be it a draft still.
            Timestamp(ofStripe: item.currentPeriodStart) < paid.end
        else { return nil }
        return paid.end
    }
}
