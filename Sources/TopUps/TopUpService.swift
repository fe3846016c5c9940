import Billing
import Database
import FoundationEssentials
import Ledger
import LedgerStore
import Logging
import Stripe
import Subscriptions
import Synchronization
import Users
import Values

/// Buys packs for users who have agreed to it: decides in a database transaction, then asks Stripe,
/// then keeps what Stripe said. Killed between any two of these, it finds out where it was: each
/// call has the same name when it is made again, and one invoice is paid once.
package struct TopUpService: Sendable {
    package static let pause = Duration.seconds(5)
    /// Users that are asked for at a time.
    static let maximumUsers = 50
    /// The member of an invoice's metadata that names the purchase.
    package static let purchaseKey = CareerBillingService.topUpKey

    package let stripe: StripeClient
    package let database: any Database
    package let ledger: CareerLedger
    let catalog: CatalogStore
    let billing: CareerBillingService
    let teller: TopUpTeller
    package let notices: OperatorNotices
    let clock: DecisionClock
    let logger: Logger
    private let checkedCatalog = CheckedCatalog()

    package init(
        billing: CareerBillingService, teller: TopUpTeller, notices: OperatorNotices,
        logger: Logger
    ) {
        stripe = billing.stripe
        database = billing.database
        ledger = billing.ledger
        catalog = billing.catalog
        clock = billing.clock
        self.billing = billing
        self.teller = teller
        self.notices = notices
        self.logger = logger
    }

    /// Does what is due. What fails of one user does not keep the others from theirs; it is due
    /// again.
    package func sweep() async throws {
        try await endWhatIsSoldOtherwise()
        try await finishReturns()
        while !Task.isCancelled {
            let now = clock.now()
            let due = try await database.read { connection in
                try TopUpRows.due(at: now, limit: Self.maximumUsers, in: connection)
            }
            if due.isEmpty { return }
            var moved = false
            for user in due {
                if Task.isCancelled { return }
                do {
                    moved = try await proceed(user) || moved
                } catch {
                    logger.warning(
                        "an automatic top-up was put off",
                        metadata: ["user_id": "\(user.text)", "error": "\(error)"])
                    await putOff(user)
                }
            }
            if !moved { return }
        }
    }

    /// Lets the others go first: whoever fails again and again would be looked at first for good.
    private func putOff(_ user: UUID) async {
        do {
            _ = try await change(user) { [clock] state in
                state.putOff(at: clock.now())
                return ((), [])
            }
        } catch {
            logger.warning(
                "an automatic top-up stays due",
                metadata: ["user_id": "\(user.text)", "error": "\(error)"])
        }
    }

    /// - Returns: whether it is no longer due.
    func proceed(_ user: UUID) async throws -> Bool {
        let now = clock.now()
        guard
            let known = try await database.read({
                try TopUpRows.find(user, at: now, in: $0)
            }), known.dueAt.map({ $0 <= now }) ?? false
        else { return true }
        let situation = try await situation(of: user, known, at: now)
        let id = UUID.version7(at: now, randomness: .random(in: .min ... .max))
        let step = try await change(user) { state in
            state.proceed(situation, id: id, at: now)
        }
        switch step {
        case .charge(let purchase): try await charge(purchase)
        case .giveUp(let purchase): try await giveUp(purchase)
        case .rest, nil: break
        }
        return true
    }

    private func situation(
        of user: UUID, _ known: TopUpState, at now: Timestamp
    ) async throws -> TopUpState.Situation {
        let standing = try await ledger.look(at: AskTopUpStanding(userID: user))
        let offer = try await offer(of: known.consent.terms.packID)
        let isLow = standing.available < known.consent.below
        // Stripe is asked only if a try may follow.
        let mayTry = isLow && standing.mayBuy && known.mayTry(at: now)
        return TopUpState.Situation(
            isLow: isLow, mayBuy: standing.mayBuy, offer: offer,
            card: mayTry ? try await card(of: user) : nil)
    }

    func offer(of pack: UUID) async throws -> TopUpTerms? {
        let found = try await catalog.current(in: database).pack(pack)
        return found.flatMap { $0.isActive ? TopUpTerms($0) : nil }
    }

    /// The card that pays the subscription, else the customer's default one, else the newest that
    /// the customer has saved; `nil` if there is none.
    func card(of user: UUID) async throws -> String? {
        let known = try await billing.subscription(of: user).account.subscription
        if let id = known.stripeSubscriptionID {
            let card = try await stripe.retrieveSubscription(id).paymentMethodID
            if let card { return card }
        }
        guard let customer = known.stripeCustomerID else { return nil }
        let usual = try await stripe.retrieveCustomer(customer).paymentMethodID
        if let usual { return usual }
        return try await stripe.listCards(customer).first(where: \.isSaved)?.id
    }

    /// Changes a user's automatic top-up and tells the user what follows, in one database
    /// transaction.
    ///
    /// - Parameter page: where the purchase can be paid, if it is tried.
    /// - Returns: what the change says; `nil` for a user who has none.
    func change<Value: Sendable>(
        _ user: UUID, page: String? = nil,
        _ change: @Sendable @escaping (inout TopUpState) -> (Value, [TopUpState.News])
    ) async throws -> Value? {
        try await database.write { [self] connection in
            let now = clock.now()
            guard let found = try TopUpRows.findLocked(user, at: now, in: connection) else {
                return nil
            }
            var state = found.state
            let (value, news) = change(&state)
            try TopUpRows.save(state, in: connection)
            try teller.tell(news, of: state, to: found.user, page: page, in: connection, now: now)
            return value
        }
    }

    // MARK: What is sold otherwise

    /// The revision of the catalog that all automatic top-ups were held against.
    private final class CheckedCatalog: Sendable {
        let revision = Mutex<Int64?>(nil)
    }

    /// Switches off what buys a pack that is sold no longer as it was agreed to.
    private func endWhatIsSoldOtherwise() async throws {
        let current = try await catalog.current(in: database)
        guard checkedCatalog.revision.withLock({ $0 != current.revision }) else { return }
        for terms in try await database.read({ try TopUpRows.offersAgreedTo(in: $0) }) {
            let offer = current.pack(terms.packID).flatMap { $0.isActive ? TopUpTerms($0) : nil }
            if offer?.sellsTheSame(as: terms) != true { try await end(terms, offer) }
        }
        checkedCatalog.revision.withLock { $0 = current.revision }
    }

    private func end(_ terms: TopUpTerms, _ offer: TopUpTerms?) async throws {
        var last: UUID?
        while !Task.isCancelled {
            let after = last
            let users = try await database.read { connection in
                try TopUpRows.buyers(
                    of: terms.packID, after: after, limit: Self.maximumUsers, in: connection)
            }
            for user in users {
                _ = try await change(user) { [clock] state -> (Void, [TopUpState.News]) in
                    let isSame = offer?.sellsTheSame(as: state.consent.terms) ?? false
                    guard !isSame, state.switchOff(.packChanged, at: clock.now()) else {
                        return ((), [])
                    }
                    return ((), [.off(.packChanged)])
                }
            }
            guard let latest = users.last else { return }
            last = latest
        }
    }
}
