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
            try await isDeactivated(owner)
        else { return }
        try await notices.add(
            "deactivated_payer",
            subject: "\(subscription.id) \(account.context.period.start.rfc3339)",
            "\(subscription.id) was paid by user \(owner.text), who is deactivated: cancel it with "
                + "cuebx users deactivate \(owner.text) --cancel now, or let them in again.")
    }

    private func isDeactivated(_ user: UUID) async throws -> Bool {
        try await database.read { try UserRow.find(id: user, in: $0)?.isActive == false }
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
