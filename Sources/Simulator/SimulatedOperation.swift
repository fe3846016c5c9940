import FoundationEssentials
import Ledger
import Values

/// What waits for the lane: one of the ledger's commands.
package enum SimulatedOperation: Sendable {
    case activate(ActivateFreeSubscription)
    case validate(ValidateUsage)
    case commit(CommitUsage)
    case accept(AcceptCommit)
    case withdraw(WithdrawCommit)
    case record(RecordUsage)
    case extend(ExtendHold)
    case capture(CaptureUsage)
    case cancel(CancelUsage)
    case limit(SetSpendingLimits)
    case readLimits(ReadSpendingLimits)
    case settle(SettleAccount)
    case adjust(AdjustCredits)
    case addGrant(AddGrant)
    case settleTopUp(SettleTopUp)
    case linkCustomer(LinkCustomer)
    case applyBilling(ApplyBilling)
    case erase(EraseAccount)

    package var command: any LedgerCommand {
        switch self {
        case .activate(let command): command
        case .validate(let command): command
        case .commit(let command): command
        case .accept(let command): command
        case .withdraw(let command): command
        case .record(let command): command
        case .extend(let command): command
        case .capture(let command): command
        case .cancel(let command): command
        case .limit(let command): command
        case .readLimits(let command): command
        case .settle(let command): command
        case .adjust(let command): command
        case .addGrant(let command): command
        case .settleTopUp(let command): command
        case .linkCustomer(let command): command
        case .applyBilling(let command): command
        case .erase(let command): command
        }
    }

    package var userID: UUID { command.userID }

    /// Has the code under test decide, as the lane does.
    package func decide(
        in batch: inout LedgerBatch, _ rules: LedgerRules, clock: Timestamp
    ) throws -> Answer {
        switch self {
        case .activate(let command): try Answer(batch.apply(command, rules, clock: clock))
        case .validate(let command): try Answer(batch.apply(command, rules, clock: clock))
        case .commit(let command): try Answer(batch.apply(command, rules, clock: clock))
        case .accept(let command): try Answer(batch.apply(command, rules, clock: clock))
        case .withdraw(let command): try Answer(batch.apply(command, rules, clock: clock))
        case .record(let command): try Answer(batch.apply(command, rules, clock: clock))
        case .extend(let command): try Answer(batch.apply(command, rules, clock: clock))
        case .capture(let command): try Answer(batch.apply(command, rules, clock: clock))
        case .cancel(let command): try Answer(batch.apply(command, rules, clock: clock))
        case .limit(let command): try Answer(batch.apply(command, rules, clock: clock))
        case .readLimits(let command): try Answer(batch.apply(command, rules, clock: clock))
        case .settle(let command):
            try Answer(batch.apply(command, rules, clock: clock), rules, clock)
        case .adjust(let command): try Answer(batch.apply(command, rules, clock: clock))
        case .addGrant(let command): try Answer(batch.apply(command, rules, clock: clock))
        case .settleTopUp(let command): try Answer(batch.apply(command, rules, clock: clock))
        case .linkCustomer(let command): try .customer(batch.apply(command, rules, clock: clock))
        case .applyBilling(let command): try Answer(batch.apply(command, rules, clock: clock))
        case .erase(let command):
            try .erased(batch.apply(command, rules, clock: clock).map(FormerView.init))
        }
    }
}

/// An answer in a form that the model can make too. Credits are micro-credits, times microseconds.
package enum Answer: Equatable, Sendable {
    case unknownUser
    case deactivatedUser
    case unknownFeature
    case unknownParent
    case granted(UUID, credits: Int64, expiresAt: Int64, isReplay: Bool, [LimitView])
    case denied(ValidateUsage.Denial, [LimitView])
    case unknownUsage
    case notTheirs
    case committed(
        UsageLog.Status, charged: Int64, isReplay: Bool, notCharged: Int64 = 0,
        isLate: Bool = false)
    case commitRefused(UsageLog.Status, charged: Int64)
    case hold(HoldView, isReplay: Bool)
    case holdRefused(HoldRefusal, HoldView)
    case holdTooLong(Int64)
    case notPriced
    case priceOutOfBounds
    case notOfThisDay
    /// As a commit of the call is answered.
    indirect case recorded(UUID, Answer)
    case accepted
    case notWaiting
    case withdrawn(UsageLog.Status)
    case balance(AccountView?, reserved: Int64, [LimitView], available: Int64 = 0)
    case grant(Bool)
    case grantExists
    case tooManyGrants
    case activated(AccountView, isNew: Bool)
    case noSubscription
    case alreadyAdjusted
    case wouldBeNegative
    case wouldExceedMaximum
    case adjusted(AccountView)
    case customer(String?)
    case outOfDate
    case noAccount
    case otherSubscription(String)
    case subscriptionNotTheirs
    case mirrored(AccountView)
    case erased(FormerView?)
    case limits(SpendingLimits, day: Int64, month: Int64)

    /// The usage log that the answer names, if any.
    package var usageID: UUID? {
        switch self {
        case .granted(let id, _, _, _, _), .recorded(let id, _),
            .denied(.requestAlreadyFinished(let id, _), _),
            .denied(.requestMismatch(let id, _), _):
            id
        default: nil
        }
    }
}

extension Answer {
    /// The kind of answer, without its figures.
    var label: String {
        switch self {
        case .granted(_, _, _, let isReplay, _): isReplay ? "replayed" : "reserved"
        case .denied(let denial, _):
            if case .requestAlreadyFinished(_, let status) = denial {
                "\(denial.code.rawValue) \(status.rawValue)"
            } else {
                denial.code.rawValue
            }
        case .committed(let status, _, let isReplay, let notCharged, let isLate):
            "\(status.rawValue)\(isReplay ? " again" : "")\(isLate ? ", late" : "")"
                + (notCharged > 0 ? ", not all charged" : "")
        case .hold(_, let isReplay): isReplay ? "done again" : "done"
        case .holdRefused(let refusal, let view):
            refusal == .alreadyEnded
                ? "\(refusal.code.rawValue) \(view.status.rawValue)" : refusal.code.rawValue
        case .holdTooLong: "hold too long"
        case .notPriced: "not priced"
        case .priceOutOfBounds: "price out of bounds"
        case .commitRefused(let status, _): "refused, \(status.rawValue)"
        case .recorded(_, let answer): answer.label
        case .notOfThisDay: "not of this day"
        case .withdrawn(let status): "withdrawn, \(status.rawValue)"
        case .activated(_, let isNew): isNew ? "created" : "existing"
        case .balance(let view, _, _, _): view == nil ? "none" : "shown"
        case .grant(let isNew): isNew ? "granted" : "changed"
        case .grantExists: "existing"
        case .tooManyGrants: "too many"
        case .erased(let former): former == nil ? "nobody" : "remembered"
        case .customer(let id): id == nil ? "none" : "linked"
        case .unknownUser: "unknown user"
        case .deactivatedUser: "deactivated"
        case .unknownFeature: "unknown feature"
        case .unknownParent: "unknown parent"
        case .unknownUsage: "unknown usage"
        case .notTheirs: "not theirs"
        case .accepted: "accepted"
        case .notWaiting: "not waiting"
        case .noSubscription, .noAccount: "no account"
        case .outOfDate: "out of date"
        case .alreadyAdjusted: "already adjusted"
        case .wouldBeNegative: "would be negative"
        case .wouldExceedMaximum: "would exceed the maximum"
        case .adjusted: "adjusted"
        case .otherSubscription: "other subscription"
        case .subscriptionNotTheirs: "not taken over"
        case .mirrored(let view):
            view.scheduled == nil ? "applied" : "applied, another plan follows"
        case .limits(let limits, _, _): limits == .none ? "none" : "limited"
        }
    }
}

/// What is observable of an account; not how it is kept.
package struct AccountView: Equatable, Sendable {
    var planID: UUID
    var status: Subscription.Status
    var customerID: String?
    var stripeSubscriptionID: String?
    var cancelAtPeriodEnd: Bool
    var canceledAt: Timestamp?
    /// The plan that is to follow, and when.
    var scheduled: ScheduledPlan?
    var trialEnd: Timestamp?
    var trialUsed: Bool
    var periodStart: Int64
    var periodEnd: Int64
    var allocated: Int64
    var used: Int64
    var owed: Int64
}

/// How a hold stands, as it is answered.
package struct HoldView: Equatable, Sendable {
    var status: UsageLog.Status
    var reserved: Int64
    var charged: Int64
    var expiresAt: Int64
}

/// A rate limit as its header shows it.
package struct LimitView: Equatable, Sendable {
    var seconds: Int64
    var limit: Int64
    var remaining: Int64
    var resetAt: Int64
}

/// What is remembered of a deleted account.
package struct FormerView: Equatable, Sendable {
    var trialUsed: Bool
    var anchor: Int64
    var periodStart: Int64
    var periodEnd: Int64
    var remaining: Int64
}

extension AccountView {
    init(_ account: Account) {
        let subscription = account.subscription
        let context = account.context
        self.init(
            planID: subscription.planID, status: subscription.status,
            customerID: subscription.stripeCustomerID,
            stripeSubscriptionID: subscription.stripeSubscriptionID,
            cancelAtPeriodEnd: subscription.cancelAtPeriodEnd,
            canceledAt: subscription.canceledAt, scheduled: subscription.scheduled,
            trialEnd: subscription.trialEnd,
            trialUsed: subscription.trialUsed, periodStart: context.period.start.micros,
            periodEnd: context.period.end.micros, allocated: context.allocated.micros,
            used: context.used.micros, owed: context.owed.micros)
    }
}

extension LimitView {
    init(_ standing: RateLimitStanding) {
        self.init(
            seconds: standing.span.seconds, limit: standing.limit, remaining: standing.remaining,
            resetAt: standing.resetAt.micros)
    }
}

extension FormerView {
    init(_ former: FormerAccount) {
        self.init(
            trialUsed: former.trialUsed, anchor: former.anchor.micros,
            periodStart: former.periodStart.micros, periodEnd: former.periodEnd.micros,
            remaining: former.remaining.micros)
    }

    var account: FormerAccount {
        FormerAccount(
            trialUsed: trialUsed, anchor: Timestamp(clamping: anchor),
            periodStart: Timestamp(clamping: periodStart),
            periodEnd: Timestamp(clamping: periodEnd),
            remaining: Credits(clamping: remaining))
    }
}
