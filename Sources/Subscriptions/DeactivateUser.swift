import Billing
import Database
import Foundation

/// Locks a user out. Nobody else can cancel what they pay for, or what a team of theirs does, so
/// whoever locks them out says what becomes of a running subscription. Nothing is done before that
/// is said, and the lock comes last: a Stripe that fails leaves the user as they were.
public struct DeactivateUser: Sendable {
    /// What becomes of a subscription that is paid for.
    public enum Payment: Sendable {
        case cancelNow
        case cancelAtPeriodEnd
        case keep
    }

    /// The user pays for subscriptions, and nobody has said what is to become of them.
    public struct Undecided: Error {
        /// In words, each with its id.
        public let subscriptions: [String]
        /// Whether others can go on with some of them, if another user owns what pays for it.
        public let canBeGivenAway: Bool
    }

    /// The holder of an account that a user alone can cancel the payments of.
    package struct Holder: Sendable {
        let id: UUID
        /// What operators know it by, if another user can own it.
        let name: String?

        package init(_ id: UUID, name: String? = nil) {
            self.id = id
            self.name = name
        }
    }

    /// What a user may pay for: themself, or through what they own.
    package struct Purchases: Sendable {
        private let holders: @Sendable (UUID) async throws -> [Holder]
        private let checkouts: CheckoutTable
        private let subscriptions: CareerSubscriptionService
        /// Made only where there is something to do at Stripe.
        fileprivate let billing: @Sendable () async throws -> CareerBillingService

        package init(
            _ checkouts: CheckoutTable, _ subscriptions: CareerSubscriptionService,
            billing: @escaping @Sendable () async throws -> CareerBillingService,
            of holders: @escaping @Sendable (UUID) async throws -> [Holder] = { [Holder($0)] }
        ) {
            self.holders = holders
            self.checkouts = checkouts
            self.subscriptions = subscriptions
            self.billing = billing
        }

        /// What there is to end, once what a page made a moment ago is mirrored.
        fileprivate func find(_ user: UUID) async throws -> [Found] {
            var found: [Found] = []
            for holder in try await holders(user) { found.append(try await find(holder)) }
            return found
        }

        private func find(_ holder: Holder) async throws -> Found {
            let page = try await subscriptions.database.read { [checkouts] in
                try checkouts.find(holder.id, in: $0)?.sessionID
            }
            // A page that was paid a moment ago has made the user a payer.
            if let page { try await billing().hear(of: page, user: holder.id, requestID: nil) }
            let known = try await subscriptions.subscription(of: holder.id)?.account.subscription
            return Found(
                purchases: self, holder: holder, page: page,
                subscriptionID: known?.stripeSubscriptionID)
        }
    }

    fileprivate struct Found: Sendable {
        let purchases: Purchases
        let holder: Holder
        let page: String?
        let subscriptionID: String?

        var words: String? {
            subscriptionID.map { id in holder.name.map { "\(id) of \($0)" } ?? id }
        }
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
            for purchases in purchases { found += try await purchases.find(user) }
            let paid = found.filter { $0.subscriptionID != nil }
            if payment == nil, !paid.isEmpty {
                throw Undecided(
                    subscriptions: paid.compactMap(\.words),
                    canBeGivenAway: paid.contains { $0.holder.name != nil })
            }
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
        let (billing, holder) = (try await found.purchases.billing(), found.holder.id)
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
