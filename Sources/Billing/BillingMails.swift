import Database
import Foundation
import Ledger
import LedgerStore
import Mail
import Messaging
import Stripe
import Users
import Values

/// Mails on what happened to a subscription, enqueued with the change that they tell of.
package struct BillingMails: Sendable {
    private let database: any Database
    private let product: BilledProduct
    private let outbox: MailOutbox
    private let catalog: CatalogStore
    private let notices: OperatorNotices

    package init(
        database: any Database, product: BilledProduct, outbox: MailOutbox,
        catalog: CatalogStore, notices: OperatorNotices
    ) {
        self.database = database
        self.product = product
        self.outbox = outbox
        self.catalog = catalog
        self.notices = notices
    }

    /// - Parameters:
    ///   - items: what the account subscribes to at Stripe.
    ///   - wish: what the plan that is to follow was asked for by: it is told of once.
    func enqueue(
        _ events: [ApplyBilling.Event], of account: Account, items: [StripeSubscription.Item],
        seats: SubscribedSeats?, wish: String?, requestID: String?,
        in connection: any DatabaseConnection, now: Timestamp
    ) throws {
        let catalog = try catalog.current(in: connection)
        guard let plan = catalog.plan(account.subscription.planID) else { return }
        let price = SpokenPrice(catalog: catalog, items: items).text(of: plan)
        let next = account.subscription.scheduled.flatMap { catalog.plan($0.planID) }
        let nextPrice = next?.spokenPrice(with: seats.map { $0.pending ?? $0.count })
        let contents = events.compactMap {
            content(of: $0, account, plan, next, price: price, nextPrice: nextPrice)
        }
        for content in contents {
            let id = content.kind == .planScheduled ? try id(of: account, wish, connection) : nil
            _ = try product.tell(
                PayersMail(
                    content: content, holder: account.subscription.userID, id: id,
                    requestID: requestID, at: now, outbox: outbox), connection)
        }
    }

    /// A plan that was given up for a move which failed follows again, and is not told of again.
    /// One that comes back after another was told of in its place is.
    private func id(
        of account: Account, _ wish: String?, _ connection: any DatabaseConnection
    ) throws -> UUID? {
        guard let wish, let next = account.subscription.scheduled else { return nil }
        let replanned = try AccountHistory.timesReplanned(
            account.subscription.id, of: product.tables, in: connection)
        return UUID(
            named: "plan scheduled", wish, next.planID.text, next.startsAt.rfc3339,
            "\(replanned)")
    }

    private func content(
        of event: ApplyBilling.Event, _ account: Account, _ plan: Plan, _ next: Plan?,
        price: String, nextPrice: String?
    ) -> MailContent? {
        switch event {
        case .activated: .planActivated(plan, account, price: price)
        case .upgraded: .planUpgraded(plan, account)
        case .cancellationRequested:
            .planCanceled(
                plan, endsAt: account.subscription.cancelAt ?? account.context.paidUntil)
        // Whom no plan is left the product tells in its own words.
        case .ended: account.subscription.status == .canceled ? nil : .planEnded(plan)
        case .revoked: account.subscription.status == .canceled ? nil : .paymentReturned(plan)
        case .returnedInPart: .paymentReturnedInPart(plan, account)
        case .planScheduled:
            next.flatMap { next in
                account.subscription.scheduled.map {
                    .planScheduled(
                        plan, next, price: nextPrice ?? next.spokenPrice, at: $0.startsAt)
                }
            }
        case .planUnscheduled: nil
        // Of several people one has asked for it, a period ago.
        case .planLowered: product.isCareer ? nil : .planLowered(plan, price: price)
        case .renewed, .paymentPastDue, .resumed, .upgradeReturned, .updated: nil
        }
    }

    /// Stripe tells of one failed try by up to two events, and of an event by up to two ids: each
    /// of Stripe's own tries is told of once. Of a plan that has ended nothing is to be paid.
    ///
    /// - Parameters:
    ///   - planID: what the payment is for, where that is another plan than the present one.
    ///   - isOfSeats: whether it is for more seats on that plan, and the plan stays.
    ///   - needsAction: whether the bank wants to hear from the card's owner.
    package func paymentFailed(
        _ invoice: StripeInvoice, of planID: UUID?, isOfSeats: Bool, needsAction: Bool,
        requestID: String?, now: Timestamp
    ) async throws {
        guard let subscription = invoice.subscriptionID else { return }
        let id = UUID(named: "payment failed", invoice.id, "\(invoice.attemptCount)")
        let retryAt = invoice.nextPaymentAttemptAt.map { Timestamp(ofStripe: $0) }
        try await send(
            to: subscription, planID: planID, id: id, requestID: requestID, now: now
        ) { plan, standing in
            if isOfSeats {
                return .seatsNotPaid(
                    plan, invoiceURL: invoice.hostedURL, needsAction: needsAction)
            }
            return needsAction
                ? .paymentNeedsAction(plan, invoiceURL: invoice.hostedURL)
                : .paymentFailed(
                    plan, invoiceURL: invoice.hostedURL, retryAt: retryAt,
                    isGivenUp: standing.isUnpaid)
        }
    }

    /// Stripe tells three days before, again if the end was moved since, and also if a trial was
    /// ended at once; each end is told of once. Who has canceled is not charged and hears nothing.
    package func trialEnds(
        _ subscription: StripeSubscription, requestID: String?, now: Timestamp
    ) async throws {
        guard let theirs = subscription.trialEnd else { return }
        let id = UUID(named: "trial ends", subscription.id, "\(theirs)")
        let catalog = try await catalog.current(in: database)
        let spoken = SpokenPrice(catalog: catalog, items: subscription.items)
        try await send(
            to: subscription.id, id: id, requestID: requestID, now: now
        ) { plan, trial in
            guard let end = trial.end, end == Timestamp(ofStripe: theirs), now < end,
                !trial.isCanceled
            else { return nil }
            let next = trial.next(at: end).flatMap { catalog.plan($0) }
            let price =
                next?.spokenPrice(with: trial.seats.map { $0.pending ?? $0.count })
                ?? spoken.text(of: plan, seats: trial.seats?.pending)
            return .trialEnds(plan, next ?? plan, price: price, at: end)
        }
    }

    private struct Standing {
        /// `nil` where none is running.
        let end: Timestamp?
        let isCanceled: Bool
        let isUnpaid: Bool
        let scheduled: ScheduledPlan?
        /// Of a team.
        let seats: HeldSeats?

        /// The plan that takes the present one's place by then.
        func next(at end: Timestamp) -> UUID? {
            scheduled.flatMap { $0.startsAt <= end ? $0.planID : nil }
        }
    }

    /// Mails the user whose subscription it is; a mail of this id that is there already is not
    /// written again. Of a user without an address the operator is told: money hangs on what these
    /// mails say.
    private func send(
        to subscriptionID: String, planID: UUID? = nil, id: UUID, requestID: String?,
        now: Timestamp, _ content: @escaping @Sendable (Plan, Standing) -> MailContent?
    ) async throws {
        let unheard = try await database.write { [self] connection -> MailContent? in
            guard
                let linked = try LinkedSubscription.find(
                    stripeID: subscriptionID, of: product.tables, in: connection)
            else { return nil }
            let trial = Standing(
                end: linked.status == .trialing ? linked.trialEnd : nil,
                isCanceled: linked.isCanceled, isUnpaid: linked.status == .unpaid,
                scheduled: linked.scheduled,
                seats: try product.seats(linked.userID, connection))
            guard let plan = try catalog.current(in: connection).plan(planID ?? linked.planID),
                let content = content(plan, trial)
            else { return nil }
            let isTold = try product.tell(
                PayersMail(
                    content: content, holder: linked.userID, id: id, requestID: requestID,
                    at: now, outbox: outbox), connection)
            return isTold ? nil : content
        }
        guard let unheard else { return }
        let page = (unheard.values["invoiceURL"] ?? nil).map { " Its invoice: \($0)" } ?? ""
        try await notices.add(
            "mail_missing", subject: "mail \(id.text)",
            "\(subscriptionID): its \(product.noun) has no email address and was not sent the mail "
                + "\(unheard.kind.rawValue). Tell them another way.\(page)")
    }
}
