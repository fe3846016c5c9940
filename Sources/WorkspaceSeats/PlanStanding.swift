import Billing
import HTTPEndpoint
import Ledger

/// What is asked of a workspace's plan and seats.
package enum WorkspaceWish: Sendable, Hashable {
    /// So many seats on the plan that there is.
    case seats(Int64)
    /// A higher plan, at once; `nil`: with as many seats as there are.
    case upgrade(Plan, seats: Int64?)
    /// A lower plan, once what is paid ends; `nil`: with as many seats as follow anyway.
    case downgrade(Plan, seats: Int64?)
}

/// A plan and how many seats it has.
package struct SeatedPlan: Sendable, Hashable {
    package let plan: Plan
    package let seats: Int64

    package init(_ plan: Plan, seats: Int64) {
        self.plan = plan
        self.seats = seats
    }
}

/// What the next period begins with.
package enum Following: Sendable, Hashable {
    /// The plan and the seats that there are by then.
    case same
    case other(SeatedPlan)
    /// The subscription ends.
    case end
}

/// What comes of a wish.
package struct WorkspaceMove: Sendable, Hashable {
    /// What is charged now, and is there once that is paid.
    package let buys: SeatedPlan?
    package let follows: Following
    /// Whether all is so already.
    package let isNothing: Bool
}

/// Why a wish is refused.
package enum WorkspaceRefusal: Error, Sendable, Hashable {
    /// No plan of that kind is had by a workspace of this kind.
    case noSuchPlan
    case plan(UpgradeRefusal)
    case seats(SeatRefusal)
}

/// A workspace's subscription, as a change of its plan and seats is judged: the one rule of what
/// becomes of what is paid, of what is to follow, and of what is asked for.
///
/// - A purchase takes the place of all that was to follow, but for more seats on the present plan:
///   a lower plan still follows, with these.
/// - What is asked for the next period takes the place of what was to follow; who asks for a lower
///   plan alone keeps the fewer seats, who asks for seats alone keeps the lower plan.
/// - What is about to end has no next period: nothing is bought, nothing follows.
package struct PlanStanding: Sendable, Hashable {
    package let plan: Plan
    package let terms: SeatTerms
    /// A lower plan that the next period begins with; `nil` if the plan stays.
    package let next: Plan?
    package let seats: SeatStanding
    package let status: Subscription.Status
    package let isEnding: Bool

    /// - Parameters:
    ///   - pending: fewer seats, which the next period begins with.
    ///   - enabled: members who have a seat.
    package init(
        plan: Plan, terms: SeatTerms, next: Plan?, paid: Int64, pending: Int64?, enabled: Int64,
        isPersonal: Bool, status: Subscription.Status, isEnding: Bool
    ) {
        self.plan = plan
        self.terms = terms
        self.next = next
        self.status = status
        self.isEnding = isEnding
        seats = SeatStanding(
            paid: paid, pending: pending, next: next?.seats, enabled: enabled,
            isPersonal: isPersonal)
    }

    /// What the next period begins with if nothing is asked for.
    package var follows: Following {
        if isEnding { return .end }
        guard next != nil || seats.pending != nil else { return .same }
        return .other(SeatedPlan(next ?? plan, seats: seats.pending ?? seats.paid))
    }

    package func judge(_ wish: WorkspaceWish) throws(WorkspaceRefusal) -> WorkspaceMove {
        switch wish {
        case .seats(let wanted): return try judge(seats: wanted)
        case .upgrade(let new, let wanted):
            // With the present plan it is a change of seats.
            if new.id == plan.id, let wanted, wanted != seats.paid || seats.pending != nil {
                return try judge(seats: wanted)
            }
            guard new.kind == .paid, let terms = new.seats else { throw .noSuchPlan }
            try require(.upgrade, to: new)
            let count = try seating { () throws(SeatRefusal) in
                try seats.upgrade(with: wanted, terms)
            }
            return move(buys: SeatedPlan(new, seats: count), .same)
        case .downgrade(let new, let wanted):
            // A team has no Free plan: it is frozen.
            guard let terms = new.seats, new.kind == .paid || seats.isPersonal else {
                throw .noSuchPlan
            }
            try require(.downgrade, to: new)
            let count = try seating { () throws(SeatRefusal) in
                try seats.downgrade(with: wanted, terms)
            }
            return move(
                buys: nil, new.kind == .free ? .end : .other(SeatedPlan(new, seats: count)))
        }
    }

    private func judge(seats wanted: Int64) throws(WorkspaceRefusal) -> WorkspaceMove {
        let kind = try seating { () throws(SeatRefusal) in try seats.move(to: wanted, terms) }
        switch kind {
        case .none: return move(buys: nil, follows)
        case .more:
            if let refusal { throw .plan(refusal) }
            return move(buys: SeatedPlan(plan, seats: wanted), after(wanted))
        case .withdrawal: return move(buys: nil, after(wanted))
        case .fewer:
            // What is owed for this period keeps nobody from paying less for the next.
            if let refusal, refusal != .paymentPastDue { throw .plan(refusal) }
            return move(buys: nil, .other(SeatedPlan(next ?? plan, seats: wanted)))
        }
    }

    /// What follows once no fewer seats do.
    private func after(_ count: Int64) -> Following {
        isEnding ? .end : next.map { .other(SeatedPlan($0, seats: count)) } ?? .same
    }

    private func move(buys: SeatedPlan?, _ next: Following) -> WorkspaceMove {
        WorkspaceMove(buys: buys, follows: next, isNothing: buys == nil && next == follows)
    }

    private var standing: UpgradeStanding {
        UpgradeStanding(
            plan: plan, isBilled: true, status: status, cancelAtPeriodEnd: isEnding)
    }

    private var refusal: UpgradeRefusal? { standing.refusalToChange }

    private func require(_ move: PlanMove, to new: Plan) throws(WorkspaceRefusal) {
        if let refusal = standing.refusal(of: new, by: move) { throw .plan(refusal) }
    }

    private func seating<Value>(
        _ body: () throws(SeatRefusal) -> Value
    ) throws(WorkspaceRefusal) -> Value {
        do throws(SeatRefusal) {
            return try body()
        } catch {
            throw .seats(error)
        }
    }
}

extension Problem {
    init(_ refusal: WorkspaceRefusal) {
        switch refusal {
        case .noSuchPlan: self = .planNotFound
        // Nothing is paid for, and so nothing can change.
        case .plan(.checkoutRequired): self = .workspaceWithoutSubscription
        case .plan(let refusal): self.init(refusal)
        case .seats(let refusal):
            self =
                switch refusal {
                case .outsidePlan: .seatsOutsidePlan
                case .inUse: .seatsInUse
                case .fewerLater: .fewerSeatsLater
                case .moreNow: .moreSeatsNow
                }
        }
    }

    static let seatsInUse = Problem(
        409, "seats_in_use", "Seats in use",
        "More members are enabled than there would be seats; disable some first.")
    static let fewerSeatsLater = Problem(
        409, "fewer_seats_later", "Fewer seats begin later",
        "An upgrade takes the present seats along or adds some; ask for fewer by themselves.")
    static let moreSeatsNow = Problem(
        409, "more_seats_now", "More seats begin now",
        "A lower plan begins with the present seats or fewer; ask for more by themselves.")
    static let changeUnderWay = Problem(
        409, "change_under_way", "Change under way",
        "Another change of this workspace's plan or seats is under way; try again shortly."
    ).retry(afterSeconds: 2)
}
