import Billing
import Database
import FoundationEssentials
import HTTPEndpoint
import LedgerStore
import Logging
import Packs
import Stripe
import Values

/// Gives a user's payment back at Stripe, all of it or a part. The credits follow at once, as they
/// follow Stripe's event of the same refund, which then finds nothing left to do.
package struct Refunds: Sendable {
    /// The newest payments that are offered; an older one is given back at Stripe itself.
    package static let most = 12

    /// What a user has paid.
    package struct Payment: Sendable {
        /// Of the invoice (`in_…`), or of the page that sold a pack (`cs_…`).
        package let id: String
        package let paidAt: Timestamp
        package let paid: Money
        package let isPack: Bool
        /// Of a pack; an invoice's are asked for when they are needed.
        fileprivate let intent: String?
    }

    /// How much of a payment can still go back.
    package struct Room: Sendable {
        package let payment: Payment
        /// What went back before, and what is on its way.
        package let returned: Money
        package let left: Money
        package let standing: Standing
        fileprivate let intent: String
    }

    /// How a payment stood when it was looked at. A refund's idempotency key is made of it: the
    /// same form sent again is the same refund, and an equal refund after it is another.
    package struct Standing: Sendable, Equatable {
        /// In the minor unit.
        fileprivate let returned: Int64
        /// How many refunds Stripe knew, those that failed among them: they have used their keys.
        fileprivate let refunds: Int

        fileprivate init(returned: Int64, refunds: Int) {
            self.returned = returned
            self.refunds = refunds
        }

        /// Fails for what is not another one's ``text``.
        package init?(_ text: String) {
            let parts = text.split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count == 2, let returned = Int64(parts[0]), let refunds = Int(parts[1]),
                returned >= 0, refunds >= 0
            else { return nil }
            self.init(returned: returned, refunds: refunds)
        }

        package var text: String { "\(returned)-\(refunds)" }
    }

    private let stripe: StripeClient
    private let database: any Database
    private let mirror: StripeMirror
    private let packs: PackMirrors
    private let logger: Logger

    package init(
        stripe: StripeClient, database: any Database, mirror: StripeMirror, packs: PackMirrors,
        logger: Logger
    ) {
        self.stripe = stripe
        self.database = database
        self.mirror = mirror
        self.packs = packs
        self.logger = logger
    }

    /// The newest payments of a user, the newest first; none of who has never been at Stripe, or is
    /// not known there any more.
    ///
    /// - Throws: `StripeError`.
    package func payments(of user: UUID) async throws -> [Payment] {
        guard
            let account = try await database.read({ try MirroredAccount.find(user, in: $0) })
        else { return [] }
        let found = try await ifKnown { () async throws(StripeError) -> [Payment] in
            var found: [Payment] = []
            for subscription in try await stripe.listSubscriptions(account.customerID) {
                found += try await stripe.listInvoices(subscription.id).compactMap(Self.payment)
            }
            let sessions = try await stripe.listCheckoutSessions(account.customerID)
            return found + sessions.compactMap(Self.payment)
        }
        let newest = (found ?? []).sorted { ($0.paidAt, $0.id) > ($1.paidAt, $1.id) }
        return Array(newest.prefix(Self.most))
    }

    /// - Throws: ``Problem`` 404 for a payment that is none of the user's newest, 409
    ///   `paid_otherwise` for one that was not made by one card, `StripeError`.
    package func room(for id: String, of user: UUID) async throws -> Room {
        guard let payment = try await payments(of: user).first(where: { $0.id == id }) else {
            throw Problem.notFound
        }
        guard let intent = try await intent(of: payment) else { throw Problem.paidOtherwise }
        var returned: Int64 = 0
        // Lost money cannot go back once more; what is on its way has left.
        let refunds = try await stripe.listRefunds(intent)
        for refund in refunds
        where !["failed", "canceled"].contains(refund.status ?? "") { returned += refund.amount }
        for dispute in try await stripe.listDisputes(intent) where dispute.status == "lost" {
            returned += dispute.amount
        }
        let paid = payment.paid
        guard
            let gone = Money(amount: min(returned, paid.amount), currency: paid.currency),
            let left = Money(amount: paid.amount - gone.amount, currency: paid.currency)
        else { throw Problem.paidOtherwise }
        return Room(
            payment: payment, returned: gone, left: left,
            standing: Standing(returned: gone.amount, refunds: refunds.count), intent: intent)
    }

    /// Gives money back, and takes back what it bought.
    ///
    /// - Parameters:
    ///   - amount: `nil` for all that was left.
    ///   - shown: how the payment stood when the refund was decided upon; `nil` for as it stands.
    ///     The same amount of the same standing is the same refund, however often it is sent: also
    ///     if Stripe made it and its answer was lost.
    /// - Throws: ``Problem`` 409 `nothing_to_refund`, 422 for more than is left; `StripeError`, and
    ///   then Stripe may have made the refund.
    package func giveBack(
        _ id: String, of user: UUID, amount: Money?, shown: Standing?, requestID: String
    ) async throws {
        let room = try await room(for: id, of: user)
        let standing = shown ?? room.standing
        guard room.left.amount > 0 || standing != room.standing else {
            await follow(room.intent, refund: nil, requestID: requestID)
            throw Problem.nothingToRefund
        }
        let left = room.payment.paid.amount - standing.returned
        let wanted = amount?.amount ?? left
        guard wanted > 0, wanted <= left else { throw Self.tooMuch(room) }
        let refund: StripeRefund
        do throws(StripeError) {
            refund = try await stripe.createRefund(
                room.intent, wanted, "refund-\(room.payment.id)-\(wanted)-\(standing.text)")
        } catch {
            guard case .invalidRequest(let code, _) = error.kind else { throw error }
            if code == "charge_already_refunded" {
                await follow(room.intent, refund: nil, requestID: requestID)
                throw Problem.nothingToRefund
            }
            // Other money went back since, and this is not a refund that was made before.
            guard wanted <= room.left.amount else { throw Self.tooMuch(room) }
            throw error
        }
        await follow(room.intent, refund: refund.id, requestID: requestID)
    }

    /// Takes back what the money bought. The money has gone: if this fails, Stripe's event of the
    /// refund does it.
    private func follow(_ intent: String, refund: String?, requestID: String) async {
        do {
            if try await !mirror.paymentChanged(
                intent, object: refund, type: Self.event, requestID: requestID)
            {
                try await packs.paymentChanged(
                    intent, object: refund, type: Self.event, requestID: requestID)
            }
        } catch {
            logger.error(
                "what a refund bought is not taken back yet; Stripe's event will do it",
                metadata: ["payment": "\(intent)", "error": "\(error)"])
        }
    }

    private static func tooMuch(_ room: Room) -> Problem {
        .invalid([
            FieldError(
                ["body", "refund_amount"], "is more than the \(room.left.named) that are left",
                type: "value_error")
        ])
    }

    /// Stripe's name for what has happened.
    private static let event = "refund.created"

    private static func payment(_ invoice: StripeInvoice) -> Payment? {
        guard invoice.status == .paid, let at = invoice.paidAt,
            let paid = Money(amount: invoice.amountPaid, currency: invoice.currency),
            paid.amount > 0
        else { return nil }
        return Payment(
            id: invoice.id, paidAt: Timestamp(ofStripe: at), paid: paid, isPack: false, intent: nil)
    }

    private static func payment(_ session: StripeCheckoutSession) -> Payment? {
        guard session.isPayment, session.paymentStatus == .paid,
            let intent = session.paymentIntentID, let amount = session.amountTotal,
            let paid = Money(amount: amount, currency: session.currency ?? ""), paid.amount > 0
        else { return nil }
        return Payment(
            id: session.id, paidAt: Timestamp(ofStripe: session.createdAt), paid: paid,
            isPack: true, intent: intent)
    }

    /// `nil` if an invoice was paid by several payments, or by none.
    private func intent(of payment: Payment) async throws -> String? {
        if payment.isPack { return payment.intent }
        let paid = try await stripe.listInvoicePayments(.invoice(payment.id))
            .filter { $0.status == "paid" }
        return paid.count == 1 ? paid[0].paymentIntentID : nil
    }
}

extension Problem {
    package static let nothingToRefund = Problem(
        409, "nothing_to_refund", "Nothing to refund", "All of this payment went back before.")
    package static let paidOtherwise = Problem(
        409, "paid_otherwise", "Paid otherwise",
        "This was not paid by one payment: give it back at Stripe.")
}
