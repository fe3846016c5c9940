import Database
import Foundation
import Ledger
import Stripe
import Users
import Values

/// Nobody is to pay for what they can neither use nor cancel: a payment of somebody who is locked
/// out is told to the operator, once for each period.
extension StripeMirror {
    func tellOfLockedOut(
        _ subscription: StripeSubscription, _ outcome: ApplyBilling.Outcome, owner: UUID
    ) async throws {
        guard case .applied(let account, let events) = outcome, !subscription.isOver else {
            return
        }
        guard !Set(events).isDisjoint(with: [.activated, .renewed, .upgraded]),
            let payer = try await deactivatedPayer(of: owner)
        else { return }
        try await notices.add(
            "deactivated_payer",
            subject: "\(subscription.id) \(account.context.period.start.rfc3339)",
            "\(subscription.id) was paid by \(product.named(owner)), and user \(payer.id.text) is "
                + "deactivated: cancel it with cuebx users deactivate \(payer.id.text) --cancel "
                + "now, or let them in again.")
    }

    private func deactivatedPayer(of holder: UUID) async throws -> UserRow? {
        try await database.read { [product] connection in
            try product.payingUser(holder, in: connection).flatMap { $0.isActive ? nil : $0 }
        }
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
