/// One event of a run. A run is a list of them: none draws a random number when it happens, so a
/// list with some taken out is a run too, and the shortest that still fails can be searched for.
package struct SimulationStep: Sendable {
    /// The event's place in the run as it was drawn; later events refer to it.
    package let serial: Int
    package let event: SimulationEvent
}

/// People, requests and calls are numbers; what they mean is looked up when the event happens. An
/// event whose time has not come (a commit of a call that was never granted) does nothing.
package enum SimulationEvent: Sendable {
    /// The person signs up, unless they have an account, and gets a free subscription.
    case signUp(person: Int)
    /// A tool server asks; a number that was used before is a retry or a poisoned key.
    /// The parent is the step that granted it; one that granted nothing is no call at all.
    case validate(
        person: Int, request: Int, hash: Int, feature: Int, holdSeconds: Int64?, parent: Int?)
    /// A tool server tells how the call ended that the step `of` was granted.
    case commit(of: Int, success: Bool, CommitManner, SimulatedAmount)
    /// A tool server tells of a call that ran unasked, so many seconds ago.
    case record(
        person: Int, request: Int, hash: Int, feature: Int, secondsAgo: Int64, SimulatedAmount)
    /// A tool server needs more time or credits for that call; the extension's name is a number.
    case extend(of: Int, name: Int, seconds: Int64?, SimulatedAmount)
    /// It charges a part of that call; the part's name is a number.
    case capture(of: Int, name: Int, SimulatedAmount)
    case cancel(of: Int)
    case readBalance(person: Int)
    /// The person limits what they spend; `nil`: not.
    case limit(person: Int, daily: Int64?, monthly: Int64?)
    case sweep
    /// The lane carries out what is waiting, in one database transaction.
    case flush(SimulatedFault?)
    case clock(ClockChange)
    case stripe(person: Int, StripeAction)
    /// A worker takes a waiting notification, a ticket, and then the current object.
    case fetch(Int)
    /// What a worker has fetched reaches the lane; not in the order of the fetches.
    case applyFetched(Int)
    case handleMessage(Int, MessageHandling)
    /// The cause is a number: one that was used before must change nothing.
    case adjust(person: Int, micros: Int64, cause: Int)
    /// The cause is a number: one that was used before must add nothing.
    case addGrant(person: Int, micros: Int64, cause: Int, GrantTerms)
    /// What has become of a pack's payment is heard of: how much is to be taken back in all, and
    /// whether a bank holds the money. The first time it is granted.
    case settlePack(person: Int, pack: Int, total: Int64, isDisputed: Bool)
    case setActive(person: Int, Bool)
    /// The person's account is deleted, what they pay for canceled at Stripe.
    case erase(person: Int)
    case useCatalog(Int)
}

/// Of a grant beside the pool: seconds are counted from the event.
package struct GrantTerms: Sendable, Hashable {
    let priority: Int64
    let effectiveIn: Int64?
    let expiresIn: Int64?
    let isPaid: Bool
}

/// What a tool server tells of a call's cost.
package enum SimulatedAmount: Sendable, Hashable {
    case nothing
    case micros(Int64)
    case tokens(input: Int64, output: Int64, model: Int)
}

package enum CommitManner: Sendable {
    case direct
    /// Accepted for later (`Prefer: respond-async`).
    case queued
    /// By a tool server that names another user.
    case byAnother(person: Int)
    case ofUnknownCall(person: Int)
}

package enum ClockChange: Sendable {
    case advance(micros: Int64)
    /// To where something ends, so many microseconds before or after it.
    case to(Boundary, person: Int, offset: Int64)
    /// Decisions come from a process whose clock is behind by this much, from now on.
    case skew(micros: Int64)
}

package enum Boundary: Sendable, CaseIterable {
    case minute, day, month, expiry, period, grace
}

package enum StripeAction: Sendable {
    /// A checkout; the second one of somebody with two tabs is paid though the first was.
    case subscribe(plan: Int, trial: Bool, isPaid: Bool, isSecond: Bool)
    case changePlan(Int, PlanBilling)
    /// Another plan is to follow at the period's end; `nil` takes back the one that was to.
    case schedule(Int?)
    case cancelAtEnd(Bool)
    case cancelNow
    /// The latest paid invoice is refunded in full, or its dispute lost.
    case refund
    /// So many quarters of a payment go back; which of the subscription's is a number, the latest
    /// first.
    case refundPart(of: Int, quarters: Int)
    /// A refund of that payment fails later: what went back is there again.
    case failRefund(of: Int)
    /// An operator moves the end of the trial by so many days.
    case moveTrial(days: Int)
    /// Whether the card pays from now on; a good one pays what is open.
    case card(isGood: Bool)
    /// The event is sent again.
    case notify

    /// Whether it may happen after the subscription's end.
    var isOfMoneyBack: Bool {
        switch self {
        case .refund, .refundPart, .failRefund, .notify: true
        default: false
        }
    }
}

package enum PlanBilling: Sendable {
    /// Charged, or credited to the customer's balance, at once.
    case now
    /// With the next invoice.
    case later
    case never
}

package enum MessageHandling: Sendable {
    case handle
    /// Handled, and delivered again later.
    case handleTwice
    /// Thrown away by an operator.
    case discard
}

/// What goes wrong with one database transaction of the lane.
package struct SimulatedFault: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        /// The database refuses a statement: the lane carries the batch out one by one.
        case databaseError
        /// The process dies: what was not committed is gone, and so is the queue.
        case crash
        /// The database transaction is committed, its answer is lost.
        case answerLost
        /// Committed; then the process dies before it answers anybody.
        case crashAfterCommit
    }

    package let kind: Kind
    /// After how many steps of the database transaction it happens, if before the commit.
    package let step: Int
    /// Which of the operations, carried out alone afterwards, fails once more.
    package let again: Int?
}
