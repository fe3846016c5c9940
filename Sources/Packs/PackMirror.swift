import Billing
import Database
import Foundation
import Ledger
import LedgerStore
import Logging
import Mail
import Stripe
import Values

/// Keeps what packs have granted in line with their payments. It always fetches the page and its
/// payment as they are *now* and has them applied under a fencing token taken before the fetch, so
/// the order of events, duplicates and parallel workers cannot matter.
package struct PackMirror: Sendable {
    /// The member of a page's metadata that names the purchase.
    package static let purchaseKey = "cuebx_purchase_id"

    let product: BilledProduct
    package let stripe: StripeClient
    package let database: any Database
    package let ledger: CareerLedger
    package let notices: OperatorNotices
    let outbox: MailOutbox
    let clock: DecisionClock
    let logger: Logger
    /// What else follows once money went back, in the same database transaction.
    package var moneyWentBack: @Sendable (UUID, any DatabaseConnection, Timestamp) throws -> Void =
        { _, _, _ in }

    /// Whether what was bought for this cause is frozen since its user gives it back.
    package var isGivenBack:
        @Sendable (String, UUID, [StripeRefund], any DatabaseConnection) throws -> Bool = {
            _, _, _, _ in false
        }

    var purchases: PackPurchases { PackPurchases(database: database, of: product) }

    package init(
        of product: BilledProduct, stripe: StripeClient, database: any Database,
        ledger: CareerLedger,
        notices: OperatorNotices, outbox: MailOutbox, clock: DecisionClock, logger: Logger
    ) {
        self.product = product
        self.stripe = stripe
        self.database = database
        self.ledger = ledger
        self.notices = notices
        self.outbox = outbox
        self.clock = clock
        self.logger = logger
    }

    /// That of another product, beside this one.
    ///
    /// - Parameter ledger: that product's.
    package func like(_ product: BilledProduct, ledger: CareerLedger) -> PackMirror {
        PackMirror(
            of: product, stripe: stripe, database: database, ledger: ledger, notices: notices,
            outbox: outbox, clock: clock, logger: logger)
    }

    /// Fetches a page and applies what became of it.
    ///
    /// - Throws: ``StripeError`` if Stripe cannot be asked, what the ledger throws.
    package func refresh(_ sessionID: String, requestID: String?) async throws {
        guard let unused = try await bringInLine(sessionID, requestID: requestID) else { return }
        let payment = try await payment(of: unused)
        guard payment.returned < payment.paid else { return }
        let intent = unused.paymentIntentID ?? unused.id
        try await notices.add(
            "paid_unused", subject: "\(unused.id) paid for nothing",
            "\(intent) paid for a pack by \(unused.id), and nobody here has bought it: refund it "
                + "at Stripe, unless another installation that shares the account has sold it.")
    }

    /// An event about a payment has come that is no invoice's.
    ///
    /// - Parameters:
    ///   - object: the refund or dispute that the event is about, if it is one.
    ///   - type: the event's.
    package func paymentChanged(
        _ intent: String, object: String?, type: String, requestID: String?
    ) async throws {
        guard let page = try await page(ofPayment: intent) else {
            logger.info("a payment of nothing of ours", metadata: ["id": "\(intent)"])
            return
        }
        _ = try await bringInLine(page, requestID: requestID)
        try await tellOperator(of: object, type, payment: intent, name: "a pack")
    }

    /// - Parameter name: what was bought.
    package func tellOperator(
        of object: String?, _ type: String, payment intent: String, name: String
    ) async throws {
        try await PaymentNotices(stripe: stripe, notices: notices).tell(
            of: object, type, payment: intent,
            PaymentNotices.Bought(
                name: name, stays: "Its credits cannot be used meanwhile.",
                givenAgain: ", unless they have expired."))
    }

    /// By our row, else by Stripe's list: the page's own event may not have been worked off yet, or
    /// never came.
    private func page(ofPayment intent: String) async throws -> String? {
        if let known = try await purchases.session(ofPayment: intent) { return known }
        return try await soldPage(ofPayment: intent)?.id
    }

    func soldPage(ofPayment intent: String) async throws -> StripeCheckoutSession? {
        try await stripe.listSessionsOfPayment(intent)
            .first { $0.isPayment && $0.metadata[Self.purchaseKey] != nil }
    }

    /// Whether a page names a holder of this product.
    func isNamed(by session: StripeCheckoutSession?) -> Bool {
        session?.metadata[product.holderKey] != nil
    }

    /// - Returns: a paid page of a purchase of nobody here: its holder is gone.
    private func bringInLine(
        _ sessionID: String, requestID: String?
    ) async throws -> StripeCheckoutSession? {
        let token = FencingToken(
            subscriptionID: sessionID, number: try await ledger.takeToken(of: sessionID))
        guard let session = try await find(sessionID), session.isPayment,
            session.metadata[Self.purchaseKey].flatMap(UUID.init(uuidString:)) != nil
        else { return nil }
        guard session.isPaid else {
            if session.status != .open {
                try await purchases.close(sessionID)
            }
            return nil
        }
        guard let (purchase, isKnown) = try await purchase(of: session) else { return session }
        if !isKnown {
            logger.warning("a purchase is restored", metadata: ["id": "\(purchase.id.text)"])
            guard try await purchases.restore(purchase, soldBy: session) else { return session }
        }
        let payment = try await payment(of: session)
        let outcome = try await settle(
            purchase, payment, of: session, under: token, requestID: requestID)
        return outcome == .noAccount ? session : nil
    }

    func find(_ sessionID: String) async throws -> StripeCheckoutSession? {
        try await ifKnown { () async throws(StripeError) in
            try await stripe.retrieveCheckoutSession(sessionID)
        }
    }

    package func payment(of session: StripeCheckoutSession) async throws -> PackPayment {
        guard let intent = session.paymentIntentID else { return .free }
        return PackPayment(
            paid: session.amountTotal ?? 0, refunds: try await stripe.listRefunds(intent),
            disputes: try await stripe.listDisputes(intent))
    }

    private func settle(
        _ purchase: PackPurchase, _ payment: PackPayment, of session: StripeCheckoutSession,
        under token: FencingToken, requestID: String?
    ) async throws -> SettleTopUp.Outcome {
        return try await ledger.perform(
            given: { [isGivenBack] in
                try isGivenBack(purchase.cause, purchase.userID, payment.refunds, $0)
            },
            { isGivenBack in
                SettleTopUp(
                    userID: purchase.userID, cause: purchase.cause, credits: purchase.credits,
                    validDays: purchase.validDays, isPaid: payment.paid > 0,
                    takenBack: payment.takenBack(of: purchase.credits),
                    isFrozen: payment.isDisputed || isGivenBack, token: token,
                    randomness: .random(in: .min ... .max))
            }
        ) { [outbox, clock, moneyWentBack, product, purchases] connection, outcome in
            guard case .applied(let change) = outcome else { return }
            let now = clock.now()
            let isDisputed = try purchases.note(
                payment, by: session.paymentIntentID, of: purchase.id, grant: change.grant.id,
                in: connection, now: now)
            let holder = purchase.userID
            func tell(_ content: MailContent) throws {
                _ = try product.tell(
                    PayersMail(
                        content: content, holder: holder, requestID: requestID, at: now,
                        outbox: outbox), connection)
            }
            guard try product.isThere(holder, false, connection) else { return }
            if change.isNew {
                try tell(
                    .packBought(
                        purchase.packName, price: purchase.price.spoken, change.grant.amount,
                        until: change.grant.expiresAt))
            }
            if change.moneyWentBack || isDisputed { try moneyWentBack(holder, connection, now) }
            let taken = change.grant.takenBack - change.takenBackBefore
            if taken > .zero { try tell(.packReturned(purchase.packName, taken)) }
        }
    }
}

extension StripeCheckoutSession {
    /// Whether what it sells is the buyer's: the money is there, or none was due.
    package var isPaid: Bool {
        status == .complete && (paymentStatus == .paid || paymentStatus == .noPaymentRequired)
    }
}
