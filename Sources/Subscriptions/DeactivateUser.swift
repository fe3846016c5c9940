import Billing
import Database
import Foundation

/// Locks a user out. Who is locked out can neither use nor cancel what they pay for, so whoever
/// locks them out says what becomes of a running subscription. Nothing is done before that is said,
/// and the lock comes last: a Stripe that fails leaves the user as they were.
public struct DeactivateUser: Sendable {
    /// What becomes of a subscription that is paid for.
    public enum Payment: Sendable {
        case cancelNow
        case cancelAtPeriodEnd
        case keep
    }

    /// The user pays for subscriptions, and nobody has said what is to become of them.
    public struct Undecided: Error {
        public let subscriptionIDs: [String]
    }

    /// What a user may pay for: themself, or through what is theirs alone.
    package struct Purchases: Sendable {
        /// Whose account it is; `nil` where the user has none of the product.
        private let holder: @Sendable (UUID) async throws -> UUID?
        private let checkouts: CheckoutTable
        private let subscriptions: CareerSubscriptionService
        /// Made only where there is something to do at Stripe.
        fileprivate let billing: @Sendable () async throws -> CareerBillingService

        package init(
            _ checkouts: CheckoutTable, _ subscriptions: CareerSubscriptionService,
            billing: @escaping @Sendable () async throws -> CareerBillingService,
            of holder: @escaping @Sendable (UUID) async throws -> UUID? = { $0 }
        ) {
            self.holder = holder
            self.checkouts = checkouts
            self.subscriptions = subscriptions
            self.billing = billing
        }

        /// What there is to end, once what a page made a moment ago is mirrored.
        fileprivate func find(_ user: UUID) async throws -> Found? {
            guard let holder = try await holder(user) else { return nil }
            let page = try await subscriptions.database.read { [checkouts] in
                try checkouts.find(holder, in: $0)?.sessionID
            }
            // A page that was paid a moment ago has made the user a payer.
            if let page { try await billing().hear(of: page, user: holder, requestID: nil) }
            let known = try await subscriptions.subscription(of: holder)?.account.subscription
            return Found(
                purchases: self, holder: holder, page: page,
                subscriptionID: known?.stripeSubscriptionID)
        }
    }

    fileprivate struct Found: Sendable {
        let purchases: Purchases
        let holder: UUID
        let page: String?
        let subscriptionID: String?
    }

    private let lock: @Sendable (UUID) async throws -> Void
    private let purchases: [Purchases]

    /// - Parameter purchases: of every product.
    package init(
        _ purchases: [Purchases], lock: @escaping @Sendable (UUID) async throws -> Void
    ) {
        self.purchases = purchases
        self.lock = lock
    }

    /// - Returns: one sentence for each thing that was done at Stripe. With ``Payment/keep``
    ///   nothing is, and Stripe is not asked.
    public func perform(_ user: UUID, _ payment: Payment?) async throws -> [String] {
        var done: [String] = []
        if payment != .keep {
            var found: [Found] = []
            for purchases in purchases {
                if let one = try await purchases.find(user) { found.append(one) }
            }
            let paid = found.compactMap(\.subscriptionID)
            if payment == nil, !paid.isEmpty { throw Undecided(subscriptionIDs: paid) }
            for one in found {
                if let id = one.subscriptionID, let payment {
                    done += try await end(id, of: one, payment)
                }
                if let page = one.page, try await one.purchases.billing().expire(page) {
                    done.append("closed the checkout page \(page)")
                }
            }
        }
        try await lock(user)
        return done
    }

    private func end(
        _ subscriptionID: String, of found: Found, _ payment: Payment
    ) async throws -> [String] {
        let (billing, holder) = (try await found.purchases.billing(), found.holder)
        guard let theirs = try await billing.liveSubscription(of: holder, requestID: nil) else {
            return ["\(subscriptionID) was over already"]
        }
        if payment == .cancelNow {
            try await billing.end(theirs)
        } else {
            _ = try await billing.endWithPeriod(theirs, user: holder, requestID: nil)
        }
        try await billing.mirror.refresh(theirs.id, userID: holder, requestID: nil)
        return [
            payment == .cancelNow
                ? "canceled \(theirs.id)" : "\(theirs.id) ends with its period"
        ]
    }
}
