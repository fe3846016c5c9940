import FoundationEssentials
import Values

/// What Stripe says of one subscription now, in the ledger's words. It is always the current
/// object, never an event's old copy, so the order of events cannot matter.
public struct BillingSnapshot: Sendable, Hashable {
    /// What was paid for an invoice and what of it went back, in the currency's minor unit: refunds
    /// that succeeded and disputes that were lost, together never more than was paid.
    public struct Money: Sendable, Hashable {
        public let paid: Int64
        public let returned: Int64

        public init(paid: Int64, returned: Int64) {
            self.paid = max(0, paid)
            self.returned = min(max(0, returned), max(0, paid))
        }

        /// Nothing was to be paid, or it was not paid by a payment that could go back.
        public static let none = Money(paid: 0, returned: 0)

        public var isReturnedInFull: Bool { paid > 0 && returned == paid }
    }

    /// A period that was paid for: its invoice's id and the span and plan of its line. A trial's
    /// invoices over nothing count, and are one period together.
    public struct PaidPeriod: Sendable, Hashable {
        public let invoiceID: String
        /// `nil` where its price is of no plan of ours.
        public let planID: UUID?
        public let start: Timestamp
        public let end: Timestamp
        /// Whether it is the first one of its subscription.
        public let isFirst: Bool
        public let isTrial: Bool
        public let money: Money

        public init(
            invoiceID: String, planID: UUID?, start: Timestamp, end: Timestamp,
            isFirst: Bool = false, isTrial: Bool = false, money: Money = .none
        ) {
            self.invoiceID = invoiceID
            self.planID = planID
            self.start = start
            self.end = end
            self.isFirst = isFirst
            self.isTrial = isTrial
            self.money = money
        }
    }

    /// A change of plan within a period, as it is billed: the rest of one plan given back, the rest
    /// of another charged.
    public struct PlanChange: Sendable, Hashable {
        /// The id of the invoice item that is billed; the same while it waits for its invoice.
        public let id: String
        public let at: Timestamp
        /// Where the period ends whose rest is billed.
        public let end: Timestamp
        /// The plan whose rest is given back; `nil` where none of ours is.
        public let from: UUID?
        /// The plan that is charged from then on; `nil` where none of ours is.
        public let to: UUID?
        /// Whether its invoice is paid.
        public let isPaid: Bool
        /// Whether it is less than nothing: money goes back, by a credit on the customer's balance
        /// or on the next invoice.
        public let givesBack: Bool
        /// Of its invoice.
        public let money: Money

        public init(
            id: String, at: Timestamp, end: Timestamp, from: UUID?, to: UUID?, isPaid: Bool,
            givesBack: Bool, money: Money = .none
        ) {
            self.id = id
            self.at = at
            self.end = end
            self.from = from
            self.to = to
            self.isPaid = isPaid
            self.givesBack = givesBack
            self.money = money
        }
    }

    public let customerID: String
    public let subscriptionID: String
    /// `nil` where its price is of no plan of ours: then an account that has it keeps its plan.
    public let planID: UUID?
    public let status: Subscription.Status
    /// Whether it is to end by itself, with its period or on another day.
    public let cancelAtPeriodEnd: Bool
    /// When it is to end by itself.
    public let cancelAt: Timestamp?
    public let canceledAt: Timestamp?
    public let endedAt: Timestamp?
    public let trialEnd: Timestamp?
    /// The plan that a schedule brings next; `nil` where none brings another than the present one.
    public let scheduled: ScheduledPlan?
    /// The latest periods whose invoices are paid, whatever became of the money; the latest last.
    public let periods: [PaidPeriod]
    /// The changes of plan within them, in their order.
    public let changes: [PlanChange]

    public init(
        customerID: String, subscriptionID: String, planID: UUID?, status: Subscription.Status,
        cancelAtPeriodEnd: Bool, cancelAt: Timestamp? = nil, canceledAt: Timestamp?,
        endedAt: Timestamp?, trialEnd: Timestamp?, scheduled: ScheduledPlan? = nil,
        periods: [PaidPeriod], changes: [PlanChange]
    ) {
        self.customerID = customerID
        self.subscriptionID = subscriptionID
        self.planID = planID
        self.status = status
        self.cancelAtPeriodEnd = cancelAtPeriodEnd
        self.cancelAt = cancelAt
        self.canceledAt = canceledAt
        self.endedAt = endedAt
        self.trialEnd = trialEnd
        self.scheduled = scheduled
        self.periods = periods
        self.changes = changes
    }

    /// Whether the money of the latest period went back in full.
    public var isRevoked: Bool { periods.last?.money.isReturnedInFull ?? false }

    /// The latest period that was paid for; `nil` where its money went back in full.
    public var paid: PaidPeriod? { isRevoked ? nil : periods.last }

    /// Whether the subscription is over for good at Stripe.
    var isOver: Bool { isRevoked || status == .canceled || status == .incompleteExpired }
}

extension BillingSnapshot {
    /// Whether an invoice of the subscription paid for the period, or for all that it is a part of.
    package func paid(for period: BillingPeriod) -> Bool {
        periods.contains { $0.start <= period.start && period.start < $0.end }
    }
}
