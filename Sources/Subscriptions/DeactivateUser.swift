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

    /// The user pays for a subscription, and nobody has said what is to become of it.
    public struct Undecided: Error {
        public let subscriptionID: String
    }

    private let lock: @Sendable (UUID) async throws -> Void
    private let database: any Database
    private let subscriptions: CareerSubscriptionService
    /// Made only where there is something to do at Stripe.
    private let billing: @Sendable () async throws -> CareerBillingService

    package init(
        database: any Database, subscriptions: CareerSubscriptionService,
        billing: @escaping @Sendable () async throws -> CareerBillingService,
        lock: @escaping @Sendable (UUID) async throws -> Void
    ) {
        self.lock = lock
        self.database = database
        self.subscriptions = subscriptions
        self.billing = billing
    }

    /// - Returns: one sentence for each thing that was done at Stripe. With ``Payment/keep``
    ///   nothing is, and Stripe is not asked.
    public func perform(_ user: UUID, _ payment: Payment?) async throws -> [String] {
        var done: [String] = []
        if payment != .keep {
            let page = try await Checkouts(database: database).find(user)?.sessionID
            // A page that was paid a moment ago has made the user a payer.
            if let page { try await billing().hear(of: page, user: user, requestID: nil) }
            if let id = try await subscriptions.subscription(of: user)?.account.subscription
                .stripeSubscriptionID
            {
                guard let payment else { throw Undecided(subscriptionID: id) }
                done = try await end(id, of: user, payment)
            }
            if let page, try await billing().expire(page) {
                done.append("closed the checkout page \(page)")
            }
        }
        try await lock(user)
        return done
    }

    private func end(
        _ subscriptionID: String, of user: UUID, _ payment: Payment
    ) async throws -> [String] {
        let billing = try await billing()
        guard let theirs = try await billing.liveSubscription(of: user, requestID: nil) else {
            return ["\(subscriptionID) was over already"]
        }
        if payment == .cancelNow {
            try await billing.end(theirs)
        } else {
            _ = try await billing.endWithPeriod(theirs, user: user, requestID: nil)
        }
        try await billing.mirror.refresh(theirs.id, userID: user, requestID: nil)
        return [
            payment == .cancelNow
                ? "canceled \(theirs.id)" : "\(theirs.id) ends with its period"
        ]
    }
}
