import Billing
import Database
import Foundation
import JSON
import Messaging
import Packs
import Stripe
import Subscriptions
import TopUps
import Values

/// Works off what events asked for. Every handler ends in fetching a subscription as it is now.
package struct StripeEventHandlers: Sendable {
    /// How old an upgrade's invoice is, in seconds, once its failure was no longer the answer to
    /// the request for it: a bank that works on a payment for days may refuse it after all.
    static let answeredAtOnce: Int64 = 300

    let database: any Database
    let stripe: StripeClient
    let mirrors: StripeMirrors
    let packs: PackMirrors
    let topUps: TopUpService
    let notices: OperatorNotices
    /// Deletes a customer at Stripe whose user was erased here.
    let forgetErased: @Sendable (String) async throws -> Void
    /// Works off a message of another part of the service; false for what is none of its own.
    let others: @Sendable (JSONValue) async throws -> Bool
    /// Looks whether a move of a plan has come to its end.
    let takeUp: @Sendable (UnfinishedMoves.Move, String?) async throws -> Void
    let clock: DecisionClock

    package init(
        database: any Database, stripe: StripeClient, mirrors: StripeMirrors,
        packs: PackMirrors, topUps: TopUpService, notices: OperatorNotices,
        forgetErased: @escaping @Sendable (String) async throws -> Void,
        others: @escaping @Sendable (JSONValue) async throws -> Bool,
        takeUp: @escaping @Sendable (UnfinishedMoves.Move, String?) async throws -> Void,
        clock: DecisionClock
    ) {
        self.database = database
        self.stripe = stripe
        self.mirrors = mirrors
        self.packs = packs
        self.topUps = topUps
        self.notices = notices
        self.forgetErased = forgetErased
        self.others = others
        self.takeUp = takeUp
        self.clock = clock
    }

    package var all: [MessageQueue: MessageWorker.Handler] {
        [
            .checkoutCompleted: checkout,
            .subscriptionUpdated: subscription,
            .subscriptionDeleted: subscription,
            .paymentFailed: paymentFailed,
        ]
    }

    /// The page is used up or has lapsed; what it made, if anything, is its holder's subscription.
    private func checkout(_ message: Message) async throws {
        let work = try await read(message)
        let session = work["session"]?.string
        if let session, work["sells"] != nil {
            return try await packs.refresh(session, requestID: message.requestID)
        }
        if let subscription = work["subscription"]?.string {
            let holder = work["user"]?.string.flatMap { UUID(uuidString: $0) }
            try await mirrors.refresh(subscription, holder: holder, requestID: message.requestID)
        }
        // A page that was paid stays its holder's until what it made is mirrored: whoever looks
        // between the two finds by the page what was bought, e.g. that the trial is used.
        if let session { try await mirrors.closePage(session) }
    }

    private func subscription(_ message: Message) async throws {
        let work = try await read(message)
        if let move = try UnfinishedMoves.read(
            work, enqueuedAt: message.enqueuedAt, now: clock.now())
        {
            return try await takeUp(move, message.requestID)
        }
        if try await others(work) { return }
        if let customer = work[ErasedCustomers.member]?.string {
            return try await forgetErased(customer)
        }
        if let customer = work["customer"]?.string {
            return try await mirrors.forget(customer, requestID: message.requestID)
        }
        if work["charge"] != nil || work["payment_intent"] != nil {
            guard let intent = try await paymentIntent(of: work) else { return }
            let object = work["dispute"]?.string ?? work["refund"]?.string
            let type = work["type"]?.string ?? "unknown"
            for changed in [topUps.paymentChanged, mirrors.paymentChanged]
            where try await changed(intent, object, type, message.requestID) {
                return
            }
            return try await packs.paymentChanged(
                intent, object: object, type: type, requestID: message.requestID)
        }
        guard let subscription = try await subscription(of: work) else {
            return try await topUpChanged(work, message)
        }
        try await mirrors.refresh(subscription, requestID: message.requestID)
        if work["type"]?.string == "customer.subscription.trial_will_end" {
            try await mirrors.linked(to: subscription)?.mails.trialEnds(
                stripe.retrieveSubscription(subscription), requestID: message.requestID,
                now: clock.now())
        }
    }

    /// An invoice of no subscription may be an automatic top-up's.
    private func topUpChanged(_ work: JSONValue, _ message: Message) async throws {
        guard let invoice = work["invoice"]?.string else { return }
        try await topUps.refresh(invoice, requestID: message.requestID)
    }

    private func paymentFailed(_ message: Message) async throws {
        let work = try await read(message)
        guard let subscription = try await subscription(of: work) else {
            return try await topUpChanged(work, message)
        }
        try await mirrors.refresh(subscription, requestID: message.requestID)
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
        let waiting = try await waiting(for: invoice, subscription)
        // Who was declined on an upgrade a moment ago was told at once, and nothing has changed.
        let age = clock.now().seconds - invoice.createdAt
        if waiting != nil && !needsAction && age < Self.answeredAtOnce { return }
        guard let theirs = try await mirrors.linked(to: subscription) else { return }
        let purchase = try await theirs.reader.awaitedPurchase(of: waiting)
        try await theirs.mails.paymentFailed(
            invoice, of: purchase.plan, isOfSeats: purchase.isOfSeats, needsAction: needsAction,
            requestID: message.requestID, now: clock.now())
    }

    /// The subscription, if a change of it waits for this invoice.
    private func waiting(
        for invoice: StripeInvoice, _ subscription: String
    ) async throws -> StripeSubscription? {
        guard invoice.billingReason == "subscription_update" else { return nil }
        let theirs = try await stripe.retrieveSubscription(subscription)
        let isWaiting = theirs.latestInvoiceID == invoice.id && theirs.pendingUpdate != nil
        return isWaiting ? theirs : nil
    }
}
