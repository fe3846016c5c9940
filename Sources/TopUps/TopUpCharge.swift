import Billing
import Database
import FoundationEssentials
import Ledger
import LedgerStore
import Stripe
import Values

/// What is asked of Stripe for a purchase.
extension TopUpService {
    private enum Outcome {
        case paid(String)
        /// - Parameter page: where the invoice can be paid.
        case declined(code: String?, page: String?)
        /// A bank takes its time.
        case awaited
        /// Nobody can pay its invoice, or another process has given it up.
        case over
    }

    /// Tries to have a purchase paid, or finds out what the try came to. That Stripe refuses to
    /// make its invoice counts as a decline: otherwise it would be asked for ever.
    ///
    /// - Throws: ``StripeError`` if that stays unknown; it is due again.
    func charge(_ purchase: TopUpPurchase) async throws {
        let outcome: Outcome
        do {
            outcome = try await attempt(purchase)
        } catch let error as StripeError {
            if error.usesUpIdempotencyKey {
                _ = try await change(purchase.userID) { state in
                    state.useNewKeys(purchase.id)
                    return ((), [])
                }
            }
            guard error.isRefusal else { throw error }
            logger.warning(
                "an automatic top-up was refused",
                metadata: ["id": "\(purchase.id.text)", "error": "\(error)"])
            outcome = .declined(code: nil, page: nil)
        }
        let now = clock.now()
        switch outcome {
        case .paid(let invoice): try await refresh(invoice, requestID: nil)
        case .over: try await giveUp(purchase)
        case .awaited:
            _ = try await change(purchase.userID) { state in
                state.awaits(purchase.id, at: now)
                return ((), [])
            }
        case .declined(let code, let page):
            _ = try await change(purchase.userID, page: page) { state in
                let news = state.declined(
                    purchase.id, try: purchase.tries, code: code, at: now)
                return ((), news)
            }
        }
    }

    private func attempt(_ purchase: TopUpPurchase) async throws -> Outcome {
        guard let customer = try await customer(of: purchase.userID) else {
            return .declined(code: "no_payment_method", page: nil)
        }
        guard let id = try await invoice(of: purchase, customer),
            let invoice = try await opened(id, of: purchase, customer)
        else { return .over }
        guard invoice.status == .open else {
            return invoice.status == .paid ? .paid(id) : .over
        }
        if try await isProcessed(id) { return .awaited }
        guard try await isUnderWay(purchase) else { return .over }
        return try await pay(id, purchase, page: invoice.hostedURL)
    }

    private func isUnderWay(_ purchase: TopUpPurchase) async throws -> Bool {
        let now = clock.now()
        let state = try await database.read { connection in
            try TopUpRows.find(purchase.userID, at: now, in: connection)
        }
        guard let state, state.isUnderWay(purchase, at: now) else { return false }
        let standing = try await ledger.look(at: AskTopUpStanding(userID: purchase.userID))
        return standing.mayBuy && standing.available < state.consent.below
    }

    private func pay(
        _ id: String, _ purchase: TopUpPurchase, page: String?
    ) async throws -> Outcome {
        let answer: StripeInvoice
        do {
            answer = try await stripe.payInvoice(id, purchase.card, purchase.tryKey)
        } catch {
            switch error.kind {
            case .card(let code, let declineCode):
                return .declined(code: declineCode ?? code, page: page)
            case .invalidRequest, .notFound: return try await refused(id)
            default: throw error
            }
        }
        if answer.status == .paid { return .paid(id) }
        return try await isProcessed(id)
            ? .awaited : .declined(code: try await failure(of: id), page: page)
    }

    /// Paid meanwhile on its page, voided, or without a card.
    private func refused(_ id: String) async throws -> Outcome {
        let invoice = try await stripe.retrieveInvoice(id)
        if invoice.status == .paid { return .paid(id) }
        return invoice.status == .open
            ? .declined(code: "no_payment_method", page: invoice.hostedURL) : .over
    }

    func customer(of user: UUID) async throws -> String? {
        try await database.read { try LinkedSubscription.customer(of: user, in: $0) }
    }

    /// The purchase's one invoice, which is made if there is none.
    ///
    /// - Returns: `nil` if the purchase was given up meanwhile.
    private func invoice(
        of purchase: TopUpPurchase, _ customer: String
    ) async throws -> String? {
        if let known = purchase.invoiceID { return known }
        // Stripe forgets keys after a day, and repeats failures of its own under them.
        let isFresh = purchase.usedKeys == 0 && purchase.tries == 1
        let found =
            isFresh && clock.now() < purchase.triedAt.adding(seconds: TopUpState.lease)
            ? nil : try await lookUp(purchase, customer)
        let id: String
        if let found {
            id = found
        } else {
            id = try await stripe.createInvoice(
                NewStripeInvoice(
                    customerID: customer, currency: purchase.terms.price.currency.code,
                    description: purchase.terms.packName, addsTax: billing.sale.addsTax,
                    metadata: [
                        "user_id": purchase.userID.text, Self.purchaseKey: purchase.id.text,
                    ]), purchase.key("invoice")
            ).id
        }
        let isOurs = try await change(purchase.userID) { state in
            (state.made(id, of: purchase.id), [])
        }
        return isOurs == true ? id : nil
    }

    /// The invoice that a process which was killed has made.
    private func lookUp(_ purchase: TopUpPurchase, _ customer: String) async throws -> String? {
        let invoices = try await ifKnown { () async throws(StripeError) in
            try await stripe.listCustomerInvoices(customer)
        }
        return invoices?.first { $0.metadata[Self.purchaseKey] == purchase.id.text }?.id
    }

    /// The invoice, which has its one line and is no draft any more; `nil` if it asks for another
    /// price than the one agreed to.
    private func opened(
        _ id: String, of purchase: TopUpPurchase, _ customer: String
    ) async throws -> StripeInvoice? {
        var invoice = try await stripe.retrieveInvoice(id)
        guard invoice.status == .draft else { return invoice }
        let price = purchase.terms.price
        if invoice.lines.isEmpty {
            _ = try await stripe.addInvoiceLine(
                NewStripeInvoiceLine(
                    customerID: customer, invoiceID: id, amount: price.amount,
                    currency: price.currency.code, description: purchase.terms.packName),
                purchase.key("line"))
            invoice = try await stripe.retrieveInvoice(id)
        }
        guard invoice.lines.count == 1, invoice.subtotal == price.amount else {
            logger.warning("an invoice has another price", metadata: ["id": "\(id)"])
            return nil
        }
        return try await stripe.finalizeInvoice(id, purchase.key("finalize"))
    }

    private func isProcessed(_ invoice: String) async throws -> Bool {
        try await stripe.listInvoicePayments(.invoice(invoice))
            .contains { $0.paymentIntentStatus == "processing" }
    }

    private func failure(of invoice: String) async throws -> String? {
        let failures = try await stripe.listInvoicePayments(.invoice(invoice))
            .compactMap(\.failure)
        return failures.first.flatMap { $0.declineCode ?? $0.code }
    }

    /// Voids the purchase's invoice, so that nobody can pay it any more; one that is paid by then
    /// is granted.
    func giveUp(_ purchase: TopUpPurchase) async throws {
        var id = purchase.invoiceID
        if id == nil, let customer = try await customer(of: purchase.userID) {
            id = try await lookUp(purchase, customer)
        }
        if let id {
            switch try await void(id) {
            case .paid:
                try await refresh(id, requestID: nil)
                return
            // Its payment is being processed: it is due again.
            case .open, .uncollectible: return
            default: break
            }
        }
        _ = try await change(purchase.userID) { state in
            state.gaveUp(purchase.id)
            return ((), [])
        }
    }

    /// - Returns: how the invoice stands then. A draft stays one, which nobody can pay.
    package func void(_ id: String) async throws -> StripeInvoice.Status? {
        let known = try await ifKnown { () async throws(StripeError) in
            try await stripe.retrieveInvoice(id)
        }
        guard let found = known else { return nil }
        guard found.status == .open || found.status == .uncollectible else { return found.status }
        do {
            return try await stripe.voidInvoice(id).status
        } catch {
            guard error.isRefusal else { throw error }
        }
        return try await stripe.retrieveInvoice(id).status
    }
}
