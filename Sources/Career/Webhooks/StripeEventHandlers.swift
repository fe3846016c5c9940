import CareerDomain
import Database
import Foundation
import JSON
import Messaging
import Stripe

/// Works off what events asked for. Every handler ends in fetching a subscription as it is now.
struct StripeEventHandlers: Sendable {
    let database: any Database
    let stripe: StripeClient
    let mirror: StripeMirror
    let notices: OperatorNotices
    let mails: BillingMails
    /// Deletes a customer at Stripe whose user was erased here.
    let forgetErased: @Sendable (String) async throws -> Void
    let clock: DecisionClock

    var all: [MessageQueue: MessageWorker.Handler] {
        [
            .checkoutCompleted: checkout,
            .subscriptionUpdated: subscription,
            .subscriptionDeleted: subscription,
            .paymentFailed: paymentFailed,
        ]
    }

    /// The page is used up or has lapsed; what it made, if anything, is the user's subscription.
    private func checkout(_ message: Message) async throws {
        let work = try await read(message)
        if let session = work["session"]?.string {
            try await Checkouts(database: database).close(session)
        }
        guard let subscription = work["subscription"]?.string else { return }
        let user = work["user"]?.string.flatMap { UUID(uuidString: $0) }
        try await mirror.refresh(subscription, userID: user, requestID: message.requestID)
    }

    private func subscription(_ message: Message) async throws {
        let work = try await read(message)
        if let customer = work[ErasedCustomers.member]?.string {
            return try await forgetErased(customer)
        }
        if let customer = work["customer"]?.string {
            return try await mirror.forget(customer, requestID: message.requestID)
        }
        if let dispute = work["dispute"]?.string { try await tell(of: dispute, work) }
        if work["charge"] != nil || work["payment_intent"] != nil {
            if work["is_final"] == true, let intent = try await paymentIntent(of: work) {
                try await revoke(
                    intent, type: work["type"]?.string, requestID: message.requestID)
            }
            return
        }
        guard let subscription = try await subscription(of: work) else { return }
        try await mirror.refresh(subscription, requestID: message.requestID)
        if work["type"]?.string == "customer.subscription.trial_will_end" {
            try await mails.trialEnds(
                subscription, requestID: message.requestID, now: clock.now())
        }
    }

    private func paymentFailed(_ message: Message) async throws {
        let work = try await read(message)
        guard let subscription = try await subscription(of: work) else { return }
        try await mirror.refresh(subscription, requestID: message.requestID)
        guard let invoiceID = work["invoice"]?.string else { return }
        let invoice = try await stripe.retrieveInvoice(invoiceID)
        // Paid meanwhile: nobody needs to hear of it.
        guard invoice.status == .open else { return }
        // A try that the bank wants confirmed is told by two events, in any order: whichever
        // comes first must say so.
        var needsAction = work["type"]?.string == "invoice.payment_action_required"
        if !needsAction {
            needsAction = try await stripe.listInvoicePayments(.invoice(invoiceID))
                .contains { $0.paymentIntentStatus == "requires_action" }
        }
        try await mails.paymentFailed(
            invoice, needsAction: needsAction, requestID: message.requestID, now: clock.now())
    }

    /// A dispute is the operator's to answer, and its loss theirs to know.
    private func tell(of dispute: String, _ work: JSONValue) async throws {
        let payment = work["payment_intent"]?.string ?? "a payment"
        if work["type"]?.string == "charge.dispute.created" {
            try await notices.add(
                "dispute_opened", subject: dispute,
                "\(dispute) disputes \(payment): answer it at Stripe. The plan stays meanwhile.")
        }
        if work["is_final"] == true {
            try await notices.add(
                "dispute_lost", subject: "\(dispute) lost",
                "\(dispute) was lost: what \(payment) paid for has ended.")
        }
    }

    /// The money of a payment went back: what its invoice paid for ends now.
    private func revoke(_ intent: String, type: String?, requestID: String?) async throws {
        for payment in try await stripe.listInvoicePayments(.paymentIntent(intent)) {
            let invoice = try await stripe.retrieveInvoice(payment.invoiceID)
            guard let subscription = invoice.subscriptionID else { continue }
            try await mirror.noteReturned(invoice.id, reason: type ?? "unknown")
            try await mirror.refresh(subscription, requestID: requestID)
        }
    }
}
