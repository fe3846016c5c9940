import Billing
import Foundation
import Ledger
import Reconciliation
import Testing
import Values
import WorkspaceBilling
import Workspaces

/// What an account's subscription gives its workspace.
struct SubscriptionStandingTests {
    private static let grace: Int64 = 3 * 86_400
    private static let begin = Timestamp(clamping: 1_700_000_000_000_000)
    private static let end = begin.adding(seconds: 30 * 86_400)

    private static func account(
        _ status: Subscription.Status, isLinked: Bool = true,
        _ source: BillingPeriod.Source = .paid
    ) -> Account {
        let plan = UUID()
        return Account(
            subscription: Subscription(
                id: UUID(), userID: UUID(), planID: plan, status: status,
                stripeCustomerID: "cus_1", stripeSubscriptionID: isLinked ? "sub_1" : nil,
                cancelAtPeriodEnd: false, canceledAt: nil, trialEnd: nil, trialUsed: false,
                createdAt: begin, updatedAt: begin),
            context: CareerSubscriptionContext(
                period: BillingPeriod(number: 1, start: begin, end: end, source: source),
                periodPlanID: plan, anchor: begin, allocated: .zero, used: .zero, reserved: .zero,
                minuteWindow: RateWindow(.minute, start: .epoch, count: 0),
                dayWindow: RateWindow(.day, start: .epoch, count: 0), decidedAt: begin))
    }

    private static func workspace(
        isPersonal: Bool, _ present: WorkspaceSubscription? = nil
    ) -> WorkspaceRow {
        WorkspaceRow(
            id: UUID(), displayName: "Acme", slug: "acme", description: nil,
            isPersonal: isPersonal, ownerID: UUID(), createdAt: begin, subscription: present)
    }

    private static func snapshot(paidFrom start: Timestamp, _ end: Timestamp) -> BillingSnapshot {
        BillingSnapshot(
            customerID: "cus_1", subscriptionID: "sub_2", planID: plan.id, status: .active,
            cancelAtPeriodEnd: false, canceledAt: nil, endedAt: nil, trialEnd: nil,
            periods: [.init(invoiceID: "in_2", planID: plan.id, start: start, end: end)],
            changes: [])
    }

    private static func standing(
        _ account: Account, isPersonal: Bool = false, seats: SubscribedSeats? = three,
        after seconds: Int64 = 60
    ) -> SubscriptionStanding {
        SubscriptionStanding(
            account, seats: seats, of: workspace(isPersonal: isPersonal), grace: grace,
            at: begin.adding(seconds: seconds))
    }

    private static let live = WorkspaceSubscription(
        standing: .live, seatCount: 3, pendingSeatCount: nil)

    private static var three: SubscribedSeats {
        seats(of: [(.plan(plan.id), 1), (.seat(plan.id), 3)])
    }

    @Test(arguments: [Subscription.Status.active, .trialing, .pastDue])
    func aTeamThatPaysHasTheSeatsThatItPaysFor(status: Subscription.Status) {
        let standing = Self.standing(Self.account(status))
        #expect(standing.subscription.standing == .live)
        #expect(standing.subscription.seatCount == 3)
        #expect(!standing.hasEnded)
    }

    @Test func aTeamIsInactiveOnceItsPaymentIsAwaitedLongerThanTheGrace() {
        let month: Int64 = 30 * 86_400
        for (seconds, expected) in [
            (month, WorkspaceSubscription.Standing.live), (month + Self.grace - 1, .live),
            (month + Self.grace, .inactive),
        ] {
            let standing = Self.standing(Self.account(.pastDue), after: seconds)
            #expect(standing.subscription.standing == expected, "\(seconds)")
            #expect(standing.subscription.seatCount == 3)
        }
    }

    @Test(arguments: [Subscription.Status.unpaid, .paused])
    func aTeamFreezesWhoseSubscriptionNobodyPaysForThoughStripeKeepsIt(
        status: Subscription.Status
    ) {
        let standing = Self.standing(Self.account(status))
        #expect(standing.subscription == .none)
        #expect(standing.hasEnded)
    }

    @Test func aTeamWhoseSubscriptionIsOverFreezesHoweverItWasHeardOf() {
        for source in [BillingPeriod.Source.paid, .free] {
            let standing = Self.standing(Self.account(.canceled, isLinked: false, source))
            #expect(standing.subscription == .none)
            #expect(standing.hasEnded)
        }
    }

    @Test(arguments: [Subscription.Status.incomplete, .active, .trialing])
    func aCheckoutThatIsNotPaidMakesNoTeamLiveAndFreezesNone(status: Subscription.Status) {
        let standing = Self.standing(Self.account(status, isLinked: false, .free))
        #expect(standing.subscription == .none)
        #expect(!standing.hasEnded)
        let linked = Self.standing(Self.account(status, .free))
        #expect(linked.subscription == .none)
        #expect(!linked.hasEnded)
    }

    @Test(arguments: [Subscription.Status.active, .trialing, .pastDue])
    func whatAnEarlierSubscriptionPaidForBringsNoTeamBackAndFreezesNone(
        status: Subscription.Status
    ) {
        let account = Self.account(status)
        for (present, expected) in [
            (WorkspaceSubscription.none, WorkspaceSubscription.Standing.none),
            (Self.live, .live),
        ] {
            let standing = SubscriptionStanding(
                account, seats: Self.three, paysForPeriod: false,
                of: Self.workspace(isPersonal: false, present), grace: Self.grace,
                at: Self.begin.adding(seconds: 60))
            #expect(standing.subscription.standing == expected)
            #expect(!standing.hasEnded)
        }
        // A personal workspace has its Free plan whatever is paid.
        let own = SubscriptionStanding(
            account, seats: Self.three, paysForPeriod: false,
            of: Self.workspace(isPersonal: true), grace: Self.grace,
            at: Self.begin.adding(seconds: 60))
        #expect(own.subscription == .personal)
    }

    @Test func aPeriodIsPaidForByAnInvoiceThatReachesOverItsBegin() {
        let day: Int64 = 86_400
        let period = Self.account(.active).context.period
        for (from, until, expected) in [
            (Int64(0), 30 * day, true), (-day, 1, true), (0, 1, true), (-30 * day, 0, false),
            (1, 31 * day, false),
        ] {
            let snapshot = Self.snapshot(
                paidFrom: Self.begin.adding(seconds: from), Self.begin.adding(seconds: until))
            #expect(snapshot.paid(for: period) == expected, "\(from) \(until)")
        }
    }

    @Test func aPersonalWorkspaceHasOneSeatOnEveryPlan() {
        for status in Subscription.Status.allCases {
            for isLinked in [true, false] {
                let standing = Self.standing(
                    Self.account(status, isLinked: isLinked), isPersonal: true)
                #expect(standing.subscription == .personal, "\(status) \(isLinked)")
                #expect(!standing.hasEnded)
            }
        }
        let late = Self.standing(
            Self.account(.pastDue), isPersonal: true, after: 34 * 86_400)
        #expect(late.subscription.standing == .inactive)
        #expect(late.subscription.seatCount == 1)
        // The Free plan's next month begins at the next decision: nothing is awaited.
        let free = Self.standing(
            Self.account(.active, isLinked: false, .free), isPersonal: true, after: 90 * 86_400)
        #expect(free.subscription == .personal)
    }

    // MARK: Seats

    private static let plan = Plan(
        id: UUID(), product: .api, name: "Basic", description: "",
        price: Money(amount: 1900, currency: "usd")!,
        displayPrice: "$19 / month", kind: .paid, trialDays: 7, isActive: true, rank: 1,
        features: [],
        lookupKey: "api_basic_monthly",
        pricing: PlanPricingRule(
            multiplier: .one, creditsAllocation: .zero, rateLimitPerMinute: nil,
            rateLimitPerDay: nil),
        seats: terms)
    private static let terms = SeatTerms(
        price: Money(amount: 200, currency: "usd")!, minimum: 1, maximum: 5, lookupKey: "seat")

    private static func seats(
        of items: [(PriceMeaning, Int64?)], next: [(PriceMeaning, Int64?)]? = nil
    ) -> SubscribedSeats {
        SubscribedSeats(
            items.map { .init($0, $1) }, of: plan, terms,
            next: next.map { $0.map { .init($0, $1) } })
    }

    @Test func seatsAreReadOffTheItemOfASeatWhereverItStands() {
        let base = (PriceMeaning.plan(Self.plan.id), Int64?.some(1))
        for items in [[base, (.seat(Self.plan.id), 3)], [(.seat(Self.plan.id), 3), base]] {
            let seats = Self.seats(of: items)
            #expect(seats.count == 3)
            #expect(seats.pending == nil)
            #expect(seats.oddities.isEmpty)
        }
    }

    @Test func whatNoRuleFollowsIsTold() {
        let base = (PriceMeaning.plan(Self.plan.id), Int64?.some(1))
        let cases: [([(PriceMeaning, Int64?)], Int64, String)] = [
            ([base], 1, "has no price of a seat"),
            ([base, (.seat(Self.plan.id), 6)], 6, "does not allow"),
            ([base, (.seat(Self.plan.id), 0)], 1, "does not allow"),
            ([base, (.seat(UUID()), 2)], 2, "of another plan"),
            ([base, (.nothing, 2)], 1, "has no price of a seat"),
        ]
        for (items, count, oddity) in cases {
            let seats = Self.seats(of: items)
            #expect(seats.count == count)
            #expect(seats.oddities.count == 1)
            #expect(seats.oddities.first?.contains(oddity) == true, "\(seats.oddities)")
        }
    }

    @Test func whileSeatsAreChangedWhatFollowsThePresentNumberIsLeftToTheChange() {
        let base = (PriceMeaning.plan(Self.plan.id), Int64?.some(1))
        for pending in [nil, 2] as [Int64?] {
            for next in [nil, 1, 2] as [Int64?] {
                for billed in [2, 3, 4] as [Int64] {
                    for isChanging in [false, true] {
                        let seats = Self.seats(
                            of: [base, (.seat(Self.plan.id), billed)],
                            next: next.map { [base, (.seat(Self.plan.id), $0)] })
                        let row = Self.workspace(
                            isPersonal: false,
                            WorkspaceSubscription(
                                standing: .live, seatCount: 3, pendingSeatCount: pending))
                        let standing = SubscriptionStanding(
                            Self.account(.active), seats: seats, isChanging: isChanging, of: row,
                            grace: Self.grace, at: Self.begin)
                        let isLeft = isChanging && billed == 3
                        #expect(standing.subscription.seatCount == billed)
                        #expect(
                            standing.subscription.pendingSeatCount
                                == (isLeft ? pending : seats.pending))
                    }
                }
            }
        }
    }

    @Test func stripeDiffersInTheSeatsThereAreAndInThoseThatFollow() {
        let base = (PriceMeaning.plan(Self.plan.id), Int64?.some(1))
        let billed = Self.seats(
            of: [base, (.seat(Self.plan.id), 3)], next: [base, (.seat(Self.plan.id), 2)])
        let cases: [(Int64, Int64?, [String])] = [
            (3, 2, []), (4, 2, ["has 3 seats at Stripe, 4 here"]),
            (3, 1, ["is to have 2 seats from the next period on at Stripe, 1 here"]),
            (3, nil, ["is to have 2 seats from the next period on at Stripe, 3 here"]),
        ]
        for (count, pending, expected) in cases {
            let held = HeldSeats(count: count, pending: pending)
            #expect(held.differences(from: billed) == expected)
        }
        let nothing = HeldSeats(count: 3, pending: 2).differences(from: Self.three)
        #expect(nothing == ["is to have 3 seats from the next period on at Stripe, 2 here"])
    }

    @Test func fewerSeatsOfThePhaseThatFollowsArePending() {
        let base = (PriceMeaning.plan(Self.plan.id), Int64?.some(1))
        for (next, pending) in [(2, 2), (3, nil), (4, nil), (0, 1)] as [(Int64, Int64?)] {
            let seats = Self.seats(
                of: [base, (.seat(Self.plan.id), 3)], next: [base, (.seat(Self.plan.id), next)])
            #expect(seats.pending == pending, "\(next)")
        }
        // A phase without seats tells nothing of them.
        #expect(Self.seats(of: [base, (.seat(Self.plan.id), 3)], next: [base]).pending == nil)
    }
}
