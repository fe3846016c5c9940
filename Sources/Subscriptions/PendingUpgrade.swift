import Billing
import Foundation
import HTTPEndpoint
import Stripe

/// An upgrade whose charge has not gone through: Stripe holds it back until its invoice is paid,
/// and drops it a day later (https://docs.stripe.com/billing/subscriptions/pending-updates). Until
/// then nothing has changed and nothing is granted.
package struct PendingUpgrade: Sendable {
    /// Where its charge stands.
    package enum Charge: Sendable, Equatable {
        /// The bank asks the card's owner to confirm it, on the invoice's page.
        case needsAction
        /// The bank has yet to say whether it pays.
        case processing
        case declined(code: String?, declineCode: String?)
    }

    let invoice: StripeInvoice
    package let charge: Charge
    /// What the subscription has once it is paid.
    package let prices: [StripePrice]
    /// The same with its quantities.
    package let items: [StripeSubscriptionSchedule.Item]

    /// Why the upgrade that was asked for has not happened.
    package var problem: Problem {
        var problem: Problem
        switch charge {
        case .needsAction: problem = .paymentNeedsAction
        case .processing: problem = .paymentProcessing
        case .declined(let code, let declineCode):
            return Problem(StripeError(.card(code: code, declineCode: declineCode)))
        }
        if let url = invoice.hostedURL { problem.members["url"] = url }
        return problem
    }
}

extension CareerBillingService {
    /// The upgrade that waits for its payment; `nil` where none does.
    package func pendingUpgrade(of theirs: StripeSubscription) async throws -> PendingUpgrade? {
        guard let update = theirs.pendingUpdate, let invoiceID = theirs.latestInvoiceID else {
            return nil
        }
        let invoice = try await stripe.retrieveInvoice(invoiceID)
        guard invoice.status == .open else { return nil }
        let payment = try await stripe.listInvoicePayments(.invoice(invoiceID)).first
        let charge: PendingUpgrade.Charge
        switch payment?.paymentIntentStatus {
        // Paid a moment ago; what it brings is on its way.
        case "succeeded": return nil
        case "requires_action", "requires_confirmation": charge = .needsAction
        case "processing": charge = .processing
        default:
            charge = .declined(
                code: payment?.failure?.code, declineCode: payment?.failure?.declineCode)
        }
        return PendingUpgrade(
            invoice: invoice, charge: charge, prices: update.prices,
            items: update.items)
    }

    /// Gives up an upgrade that waits for its payment, so that nobody can pay for it any more. What
    /// the bank works on cannot be given up.
    ///
    /// - Returns: false where it can still be paid.
    @discardableResult
    package func giveUp(_ pending: PendingUpgrade?) async throws -> Bool {
        guard let pending else { return true }
        do {
            _ = try await stripe.voidInvoice(pending.invoice.id)
            return true
        } catch {
            // It was paid, or voided, a moment ago, or is in the bank's hands.
            guard error.isRefusal else { throw error }
            return false
        }
    }
}
