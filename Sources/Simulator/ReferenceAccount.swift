import FoundationEssentials
import Ledger
import Values

/// What the model remembers of a user.
extension ReferenceModel {
    struct Call {
        let id: UUID
        let feature: String
        let period: Int
        /// All that was ever held.
        var cost: Int64
        let createdAt: Int64
        var expiresAt: Int64
        /// By what it is charged, for good.
        let terms: FeatureCostConfig
        let multiplier: Int64
        let announcedModel: String?
        /// Out of whose hold its own was taken, by the parent's place.
        var parent: Int?
        /// What its children hold, were charged and have lent of it.
        var lent: Int64 = 0
        private(set) var charged: Int64 = 0
        /// What was charged of it, and when.
        private(set) var charges: [(at: Int64, micros: Int64)] = []
        var notCharged: Int64 = 0
        var isLate = false
        var input: Int64?
        var output: Int64?
        /// What was done by the names that were given to it, and how it was answered.
        var steps: [String: (request: String, view: HoldView)] = [:]
        /// Where it was drawn from, in its order.
        var draws: [Draw] = []
        /// SUCCESS or FAILED once the call has ended.
        var ended: UsageLog.Status?
        /// The outcome of a commit that was taken in for later.
        var acceptedAs: UsageLog.Status?
        /// What that is to charge; `nil`: all that is held.
        var acceptedCredits: Int64?

        mutating func charge(_ micros: Int64, at now: Int64) {
            charged += micros
            charges.append((now, micros))
        }

        var holdsDraws: Bool { draws.contains { $0.held > 0 } }

        func isExpired(at now: Int64) -> Bool {
            ended == nil && acceptedAs == nil && expiresAt <= now
        }

        func status(at now: Int64) -> UsageLog.Status {
            ended ?? (isExpired(at: now) ? .expired : .pending)
        }

        /// Neither charged nor lent.
        var kept: Int64 { cost - charged - lent }

        func held(at now: Int64) -> Int64 { status(at: now) == .pending ? kept : 0 }

        /// How it is told; as something else where a commit was accepted that says so.
        func view(at now: Int64, as told: UsageLog.Status? = nil) -> HoldView {
            let status = status(at: now)
            return HoldView(
                status: told ?? status, reserved: status == .pending ? kept : cost,
                charged: charged, expiresAt: expiresAt)
        }
    }

    /// From a grant, by its place, or from the pool of a period.
    struct Draw: Equatable {
        let grant: Int?
        let period: Int
        var held: Int64
        var charged: Int64 = 0
    }

    struct Grant {
        let cause: String
        let order: (priority: Int64, isPaid: Bool, effectiveAt: Int64, id: String)
        var amount: Int64
        let expiresAt: Int64?
        /// Of a rollover: the period that it is of, and what may still join it.
        var rolled: (period: Int, room: Int64)?
        /// … and the invoice that paid for it, with what had come of that by its end.
        var leftOverOf: (invoice: String, own: Purchase)?
        var isFrozen = false
        var takeBack: Int64 = 0
    }

    struct Period: Equatable {
        var number = 1
        var start: Int64
        var end: Int64
        var isPaid = false
        /// The plan whose allocation it was granted.
        var planID: UUID
        /// The sum of its grants.
        var granted: Int64
        /// The invoice that paid for it; `nil` for a free month.
        var invoice: String?
        /// What its invoice and each change of plan came to, by their ids.
        var purchases: [String: Purchase] = [:]
        /// What its grant has paid of what was owed.
        var paidOff: Int64 = 0
    }

    struct Purchase: Equatable {
        var granted: Int64 = 0
        /// What a lower plan takes back, once it has; later catalogs do not change it.
        var due: Int64?
        var taken: Int64 = 0
        /// What of the taken was used, and is a debt.
        var carried: Int64 = 0
    }

    struct Account: Equatable {
        var planID: UUID
        var status = Subscription.Status.active
        var customerID: String?
        var subscriptionID: String?
        var cancelAtPeriodEnd = false
        var canceledAt: Timestamp?
        var scheduled: ScheduledPlan?
        var trialEnd: Timestamp?
        var trialUsed = false
        var anchor: Int64
        var period: Period
        /// What is owed: the next plan grants are reduced by it.
        var owed: Int64 = 0
        /// The period before, and what it had left when it ended.
        var former: Period?
        var formerLeft: Int64 = 0
    }

    final class User {
        var isActive = true
        var account: Account?
        var limits = SpendingLimits.none
        /// In the order of their creation.
        var calls: [Call] = []
        var placeOfKey: [IdempotencyKey: Int] = [:]
        var grants: [Grant] = []
        /// Invoices and adjustments that were granted.
        var granted: Set<String> = []
        /// The instant of the latest operation that changed something.
        var changedAt: Int64 = 0
    }
}
