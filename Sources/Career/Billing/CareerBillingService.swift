import CareerDomain
import Database
import Foundation
import HTTPEndpoint
import Stripe

/// What a user does with their subscription at Stripe: pay, upgrade, cancel, resume. Nothing here
/// changes an account by itself: it asks Stripe and then mirrors what Stripe says.
public struct CareerBillingService: Sendable {
    /// How long a shown price holds, in seconds: an upgrade within it is charged as previewed.
    static let previewLifetime: Int64 = 600
    /// A checkout page is open for a day; one that is nearly over is not handed out again.
    static let checkoutLifetime: Int64 = 86_400
    static let checkoutReserve: Int64 = 1800

    let stripe: StripeClient
    let database: any Database
    let ledger: CareerLedger
    let subscriptions: CareerSubscriptionService
    let catalog: CatalogStore
    let prices: StripePrices
    let mirror: StripeMirror
    let clock: DecisionClock
    let checkoutTurns = UserTurns()

    // MARK: Checkout

    /// A page on which the user pays for a plan. At most one is open for a user.
    func checkout(
        _ request: CareerCheckoutRequest, user: UUID, requestID: String
    ) async throws -> CareerCheckoutResponse {
        guard let plan = try await catalog.current(in: database).plan(request.planID),
            plan.isActive, plan.kind == .paid
        else { throw Problem.planNotFound }
        return try await checkoutTurns.inTurn(user) {
            let account = try await subscriptions.createFreeSubscription(for: user, former: nil)
            guard account.subscription.stripeSubscriptionID == nil else {
                throw Problem.alreadySubscribed
            }
            return try await openCheckout(request, plan, account, requestID: requestID)
        }
    }

    private func openCheckout(
        _ request: CareerCheckoutRequest, _ plan: Plan, _ account: Account, requestID: String
    ) async throws -> CareerCheckoutResponse {
        let user = account.subscription.userID
        let checkouts = Checkouts(database: database)
        let now = clock.now()
        let earlier = try await checkouts.find(user)
        if let earlier, let sessionID = earlier.sessionID {
            if earlier.fits(request), earlier.expiresAt > now.adding(seconds: Self.checkoutReserve),
                let url = earlier.url,
                try await stripe.retrieveCheckoutSession(sessionID).status == .open
            {
                return CareerCheckoutResponse(checkoutURL: url, sessionID: sessionID)
            }
            try await replace(sessionID, of: user, requestID: requestID)
        }
        let customer = try await customer(of: account)
        let price = try await prices.price(of: plan)
        let attempt = try await checkouts.begin(
            request, user: user, expiresAt: now.adding(seconds: Self.checkoutLifetime))
        if let replaced = attempt.replaced, replaced != earlier?.sessionID {
            try await replace(replaced, of: user, requestID: requestID)
        }
        let trialDays = account.subscription.trialUsed ? 0 : plan.trialDays
        let session = try await stripe.createCheckoutSession(
            NewStripeCheckoutSession(
                customerID: customer, priceID: price.id, clientReferenceID: user.text,
                successURL: request.successURL, cancelURL: request.cancelURL,
                trialDays: trialDays > 0 ? Int(trialDays) : nil,
                metadata: ["user_id": user.text]),
            "checkout-\(user.text)-\(attempt.number)")
        guard let url = session.url else { throw Problem.paymentProviderUnavailable }
        let isLatest = try await checkouts.opened(
            session.id, url: url, user: user, attempt: attempt,
            expiresAt: Timestamp(seconds: session.expiresAt))
        guard isLatest else {
            try await expire(session.id)
            throw Problem.checkoutSuperseded
        }
        return CareerCheckoutResponse(checkoutURL: url, sessionID: session.id)
    }

    /// Ends a page that the user was given before. One that was paid a moment ago has no end: what
    /// it made becomes the user's here and now, and there is nothing left to buy.
    ///
    /// - Throws: ``Problem/alreadySubscribed``
    private func replace(_ sessionID: String, of user: UUID, requestID: String) async throws {
        guard try await !expire(sessionID),
            let subscriptionID = try await subscription(madeBy: sessionID)
        else { return }
        try await mirror.refresh(subscriptionID, userID: user, requestID: requestID)
        if try await subscriptions.subscription(of: user)?.account.subscription
            .stripeSubscriptionID != nil
        {
            throw Problem.alreadySubscribed
        }
    }

    private func subscription(madeBy sessionID: String) async throws -> String? {
        do {
            return try await stripe.retrieveCheckoutSession(sessionID).subscriptionID
        } catch {
            guard case .notFound = error.kind else { throw error }
            return nil
        }
    }

    /// - Returns: false where the page was open no longer.
    @discardableResult
    private func expire(_ sessionID: String) async throws -> Bool {
        do {
            _ = try await stripe.expireCheckoutSession(sessionID)
            return true
        } catch {
            guard error.isRefusal else { throw error }
            return false
        }
    }

    /// The user's one customer at Stripe. The idempotency key makes two racing first checkouts
    /// meet in one; it counts the customers that were deleted at Stripe, so that Stripe does not
    /// answer with one of those.
    private func customer(of account: Account) async throws -> String {
        if let known = account.subscription.stripeCustomerID { return known }
        let user = account.subscription.userID
        let subscription = account.subscription.id
        let (email, deleted) = try await database.read { connection -> (String?, Int64) in
            let row = try connection.queryOne(
                """
                SELECT email, (SELECT count(*) FROM subscription_changes
                    WHERE subscription_id = ? AND event = ?)
                FROM users WHERE id = ?
                """, [.uuid(subscription), .text(UnlinkCustomer.event), .uuid(user)])
            guard var reader = row?.reader else { return (nil, 0) }
            return try (reader.optionalText(), reader.integer())
        }
        let customer = try await stripe.createCustomer(
            NewStripeCustomer(userID: user.text, email: email ?? ""),
            "customer-\(user.text)-\(deleted)")
        let outcome = try await ledger.perform(
            LinkCustomer(userID: user, customerID: customer.id))
        return outcome ?? customer.id
    }

    // MARK: Upgrade

    func preview(
        _ newPlanID: UUID, user: UUID, requestID: String
    ) async throws -> CareerUpgradePreviewResponse {
        let upgrade = try await planned(newPlanID, user: user, requestID: requestID)
        let prorationDate = max(clock.now().seconds, upgrade.item.currentPeriodStart)
        let change = upgrade.change(prorationDate)
        let invoice = try await stripe.previewUpgrade(change)
        let subscriptionID = change.subscriptionID
        _ = try await database.write { connection in
            try connection.execute(
                """
                INSERT INTO upgrade_previews
                    (user_id, stripe_subscription_id, plan_id, proration_date)
                VALUES (?, ?, ?, ?)
                ON CONFLICT (user_id) DO UPDATE SET
                    stripe_subscription_id = excluded.stripe_subscription_id,
                    plan_id = excluded.plan_id, proration_date = excluded.proration_date
                """,
                [
                    .uuid(user), .text(subscriptionID), .uuid(newPlanID),
                    .integer(prorationDate),
                ])
        }
        return CareerUpgradePreviewResponse(
            currentPlan: upgrade.current, newPlan: upgrade.new, prorationMinor: invoice.total,
            dueMinor: invoice.amountDue, currency: invoice.currency,
            billingPeriodEnd: Timestamp(seconds: upgrade.item.currentPeriodEnd))
    }

    /// Upgrades now, prorated and charged now. A declined card changes nothing, here or there.
    func upgrade(_ newPlanID: UUID, user: UUID, requestID: String) async throws {
        let upgrade = try await planned(newPlanID, user: user, requestID: requestID)
        let shown = try await previewedDate(upgrade, user: user)
        let prorationDate = shown ?? max(clock.now().seconds, upgrade.item.currentPeriodStart)
        let change = upgrade.change(prorationDate)
        _ = try await stripe.updateSubscriptionPrice(
            change, "upgrade-\(change.subscriptionID)-\(UUID().text)")
        try await mirror.refresh(change.subscriptionID, userID: user, requestID: requestID)
    }

    private struct PlannedUpgrade {
        let current: Plan
        let new: Plan
        let subscription: StripeSubscription
        let item: StripeSubscription.Item
        let price: StripePrice

        func change(_ prorationDate: Int64) -> StripePriceChange {
            StripePriceChange(
                customerID: subscription.customerID, subscriptionID: subscription.id,
                itemID: item.id, priceID: price.id, prorationDate: prorationDate)
        }
    }

    private func planned(
        _ newPlanID: UUID, user: UUID, requestID: String
    ) async throws -> PlannedUpgrade {
        guard let found = try await subscriptions.subscription(of: user) else {
            throw Problem.subscriptionNotFound
        }
        let (account, current) = found
        guard let new = try await catalog.current(in: database).plan(newPlanID), new.isActive else {
            throw Problem.planNotFound
        }
        let subscriptionID = account.subscription.stripeSubscriptionID
        let standing = UpgradeStanding(
            plan: current, isBilled: subscriptionID != nil,
            status: account.subscription.status,
            cancelAtPeriodEnd: account.subscription.cancelAtPeriodEnd)
        if let refusal = standing.refusal(of: new) { throw Problem(refusal) }
        guard let subscriptionID else { throw Problem.checkoutRequired }
        let subscription = try await stripe.retrieveSubscription(subscriptionID)
        guard let item = subscription.items.first else {
            throw Problem.paymentProviderUnavailable
        }
        try await judge(
            subscription, item, current, upgradeTo: new, user: user, requestID: requestID)
        return PlannedUpgrade(
            current: current, new: new, subscription: subscription, item: item,
            price: try await prices.price(of: new))
    }

    /// Stripe may know what we have not heard yet: a payment that failed a moment ago, an upgrade
    /// whose answer was lost. Then the mirror catches up and the upgrade is judged by that.
    private func judge(
        _ subscription: StripeSubscription, _ item: StripeSubscription.Item, _ current: Plan,
        upgradeTo new: Plan, user: UUID, requestID: String
    ) async throws {
        let planID = try await prices.plan(of: item.price)
        let plan = try await catalog.current(in: database).plan(planID ?? current.id) ?? current
        let standing = UpgradeStanding(
            plan: plan, isBilled: true, status: Subscription.Status(subscription.status),
            cancelAtPeriodEnd: subscription.isEnding)
        guard let refusal = standing.refusal(of: new) else { return }
        try await mirror.refresh(subscription.id, userID: user, requestID: requestID)
        throw Problem(refusal)
    }

    /// The instant that the user was shown a price for, where that was a moment ago.
    private func previewedDate(
        _ upgrade: PlannedUpgrade, user: UUID
    ) async throws -> Int64? {
        let now = clock.now().seconds
        let item = upgrade.item
        let (planID, subscriptionID) = (upgrade.new.id, upgrade.subscription.id)
        return try await database.read { connection in
            let row = try connection.queryOne(
                """
                SELECT proration_date FROM upgrade_previews
                WHERE user_id = ? AND plan_id = ? AND stripe_subscription_id = ?
                """, [.uuid(user), .uuid(planID), .text(subscriptionID)])
            guard var reader = row?.reader else { return nil }
            let date = try reader.integer()
            let isFresh = now - date <= Self.previewLifetime && date <= now
            return isFresh && date >= item.currentPeriodStart ? date : nil
        }
    }

    // MARK: Cancel, resume, portal

    /// - Returns: one sentence on what will happen.
    func cancel(atPeriodEnd: Bool, user: UUID, requestID: String) async throws -> String {
        guard let found = try await subscriptions.subscription(of: user) else {
            throw Problem.subscriptionNotFound
        }
        guard let subscriptionID = found.account.subscription.stripeSubscriptionID else {
            throw Problem.nothingToCancel
        }
        if atPeriodEnd {
            try await endWithPeriod(subscriptionID, user: user, requestID: requestID)
        } else {
            try await end(subscriptionID)
        }
        try await mirror.refresh(subscriptionID, userID: user, requestID: requestID)
        return atPeriodEnd
            ? "The subscription ends with its period; until then nothing changes."
            : "The subscription has ended; you are on the Free plan."
    }

    /// Stripe is asked whatever we know: it may have been resumed there a moment ago.
    ///
    /// - Throws: ``Problem/nothingToCancel`` where it is over at Stripe; then it is here too.
    private func endWithPeriod(
        _ subscriptionID: String, user: UUID, requestID: String
    ) async throws {
        do {
            _ = try await stripe.setCancelAtPeriodEnd(
                subscriptionID, true, "cancel-\(subscriptionID)-\(UUID().text)")
        } catch {
            guard error.isRefusal else { throw error }
            try await mirror.refresh(subscriptionID, userID: user, requestID: requestID)
            let found = try await subscriptions.subscription(of: user)
            guard found?.account.subscription.stripeSubscriptionID == nil else { throw error }
            throw Problem.nothingToCancel
        }
    }

    private func end(_ subscriptionID: String) async throws {
        do {
            _ = try await stripe.cancelSubscription(subscriptionID)
        } catch {
            guard case .notFound = error.kind else { throw error }
        }
    }

    /// Takes a cancellation at the period's end back; where none is pending nothing changes. Stripe
    /// tells whether one is: it may have been asked for there a moment ago.
    func resume(user: UUID, requestID: String) async throws {
        guard let found = try await subscriptions.subscription(of: user) else {
            throw Problem.subscriptionNotFound
        }
        guard let subscriptionID = found.account.subscription.stripeSubscriptionID else { return }
        let theirs = try await stripe.retrieveSubscription(subscriptionID)
        if theirs.isEnding && !theirs.isOver {
            _ = try await stripe.setCancelAtPeriodEnd(
                subscriptionID, false, "resume-\(subscriptionID)-\(UUID().text)")
        }
        try await mirror.refresh(subscriptionID, userID: user, requestID: requestID)
    }

    func portalURL(user: UUID, returnURL: String) async throws -> String {
        guard let found = try await subscriptions.subscription(of: user) else {
            throw Problem.subscriptionNotFound
        }
        guard let customer = found.account.subscription.stripeCustomerID else {
            throw Problem.noBillingAccount
        }
        return try await stripe.createPortalSession(customer, returnURL).url
    }

    /// Ends whatever the user pays for and forgets them at Stripe, before the account is erased.
    /// Each subscription is canceled by its own name, in whatever state it is; the customer goes
    /// last, so that a page that is still open can no longer be paid.
    func forget(user: UUID) async throws {
        guard let found = try await subscriptions.subscription(of: user),
            let customer = found.account.subscription.stripeCustomerID
        else { return }
        if let session = try await Checkouts(database: database).find(user)?.sessionID {
            try await expire(session)
        }
        for subscription in try await listSubscriptions(of: customer) where !subscription.isOver {
            try await end(subscription.id)
        }
        do {
            _ = try await stripe.deleteCustomer(customer)
        } catch {
            guard case .notFound = error.kind else { throw error }
        }
    }

    /// A customer who is gone subscribes to nothing.
    private func listSubscriptions(of customer: String) async throws -> [StripeSubscription] {
        do {
            return try await stripe.listSubscriptions(customer)
        } catch {
            guard case .notFound = error.kind else { throw error }
            return []
        }
    }
}
