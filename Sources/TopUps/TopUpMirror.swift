import Billing
import Database
import FoundationEssentials
import Ledger
import LedgerStore
import Packs
import Stripe
import Values

/// Keeps what automatic purchases have granted in line with their payments, as ``PackMirror`` does
/// for packs that were bought by hand.
extension TopUpService {
    /// Fetches an invoice and applies what became of it.
    ///
    /// - Returns: whether it is an automatic purchase's.
    @discardableResult
    package func refresh(_ invoiceID: String, requestID: String?) async throws -> Bool {
        let token = FencingToken(
            subscriptionID: invoiceID, number: try await ledger.takeToken(of: invoiceID))
        let invoice = try await stripe.retrieveInvoice(invoiceID)
        guard let name = invoice.metadata[Self.purchaseKey],
            let id = UUID(uuidString: name)
        else { return false }
        guard invoice.status == .paid else {
            try await noteUnpaid(invoice, of: id)
            return true
        }
        let (payment, intent) = try await payment(of: invoice)
        guard
            let purchase = try await database.read({ try TopUpRows.purchase(id, in: $0) }),
            try await settle(
                purchase, payment, intent, of: invoice, under: token, requestID: requestID)
                != .noAccount
        else {
            if payment.returned < payment.paid { try await noteUnused(invoice) }
            return true
        }
        return true
    }

    /// Somebody has voided it in Stripe's dashboard, or has not when it was given up here. A
    /// second one that names the purchase ends nothing.
    private func noteUnpaid(_ invoice: StripeInvoice, of id: UUID) async throws {
        guard let purchase = try await database.read({ try TopUpRows.purchase(id, in: $0) })
        else { return }
        guard invoice.status == .void else {
            if purchase.status == .givenUp { _ = try await void(invoice.id) }
            return
        }
        guard purchase.invoiceID == invoice.id else { return }
        _ = try await change(purchase.userID) { state in
            state.gaveUp(id)
            return ((), [])
        }
    }

    private func noteUnused(_ invoice: StripeInvoice) async throws {
        try await notices.add(
            "paid_unused", subject: "\(invoice.id) paid for nothing",
            "\(invoice.id) was paid for an automatic top-up that nobody here has: refund it at "
                + "Stripe, unless another installation that shares the account has sold it.")
    }

    /// An event about a payment has come.
    ///
    /// - Parameters:
    ///   - object: the refund or dispute that the event is about, if it is one.
    ///   - type: the event's.
    /// - Returns: whether the payment is an automatic purchase's.
    package func paymentChanged(
        _ intent: String, object: String?, type: String, requestID: String?
    ) async throws -> Bool {
        var isOurs = false
        for payment in try await payments(of: intent)
        where try await refresh(payment.invoiceID, requestID: requestID) {
            isOurs = true
            try await billing.packs.tellOperator(
                of: object, type, payment: intent, name: "an automatic top-up")
        }
        return isOurs
    }

    private func payments(of intent: String) async throws -> [StripeInvoicePayment] {
        try await ifKnown { () async throws(StripeError) in
            try await stripe.listInvoicePayments(.paymentIntent(intent))
        } ?? []
    }

    package func payment(
        of invoice: StripeInvoice
    ) async throws -> (payment: PackPayment, intent: String?) {
        var (refunds, disputes): ([StripeRefund], [StripeDispute]) = ([], [])
        let intents = try await stripe.listInvoicePayments(.invoice(invoice.id))
            .filter { $0.status == "paid" }.compactMap(\.paymentIntentID)
        for intent in intents {
            refunds += try await stripe.listRefunds(intent)
            disputes += try await stripe.listDisputes(intent)
        }
        let payment = PackPayment(
            paid: invoice.amountPaid, refunds: refunds, disputes: disputes)
        return (payment, intents.first)
    }

    private func settle(
        _ purchase: TopUpPurchase, _ payment: PackPayment, _ intent: String?,
        of invoice: StripeInvoice, under token: FencingToken, requestID: String?
    ) async throws -> SettleTopUp.Outcome {
        return try await ledger.perform(
            given: {
                try TopUpReturns.isPending(
                    purchase.cause, of: purchase.userID, payment.refunds, in: $0)
            },
            { isGivenBack in
                SettleTopUp(
                    userID: purchase.userID, cause: purchase.cause,
                    credits: purchase.terms.credits, validDays: purchase.terms.validDays,
                    isPaid: payment.paid > 0,
                    takenBack: payment.takenBack(of: purchase.terms.credits),
                    isFrozen: payment.isDisputed || isGivenBack, token: token,
                    randomness: .random(in: .min ... .max))
            }
        ) { [self] connection, outcome in
            guard case .applied(let change) = outcome else { return }
            let now = clock.now()
            guard
                let found = try TopUpRows.findLocked(
                    purchase.userID, at: now, in: connection)
            else { return }
            var state = found.state
            state.paid(purchase.id, by: invoice.id, at: now)
            let isDisputed = try TopUpRows.note(
                payment, by: intent, of: purchase.id, grant: change.grant.id, in: connection,
                now: now)
            try TopUpRows.save(state, in: connection)
            try teller.tell(
                change, of: purchase, to: found.user, requestID: requestID, in: connection, now: now
            )
            if change.moneyWentBack || isDisputed {
                try teller.moneyWentBack(of: purchase.userID, in: connection, now: now)
            }
        }
    }
}
