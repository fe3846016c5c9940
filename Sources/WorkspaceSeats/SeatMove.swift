import Ledger

/// What becomes of a workspace's seats when another number is asked for.
package enum SeatMove: Sendable, Hashable {
    /// The number is what was asked for before: nothing is done.
    case none
    /// More than are paid for: prorated, charged now and usable once paid.
    case more
    /// Fewer than are paid for, from the next period on, in place of any that were to follow.
    case fewer
    /// As many as are paid for, while fewer were to follow: these do not.
    case withdrawal
}

/// Why seats are not changed.
package enum SeatRefusal: Error, Sendable, Hashable {
    /// The plan is not had with so many.
    case outsidePlan
    /// More members are enabled.
    case inUse
    /// An upgrade takes the seats along that there are: fewer begin later.
    case fewerLater
    /// A lower plan begins later: more seats are bought before.
    case moreNow
}

/// A workspace's seats, as a change of them is judged.
package struct SeatStanding: Sendable, Hashable {
    /// What is paid for, at least 1.
    package let paid: Int64
    /// Fewer, which the next period begins with.
    package let pending: Int64?
    /// Of the plan that the next period begins with; `nil`: the present one.
    package let next: SeatTerms?
    /// Members who have a seat, the owner among them.
    package let enabled: Int64
    /// A personal workspace has one seat on every plan.
    package let isPersonal: Bool

    package init(
        paid: Int64, pending: Int64?, next: SeatTerms? = nil, enabled: Int64, isPersonal: Bool
    ) {
        self.paid = paid
        self.pending = pending
        self.next = next
        self.enabled = enabled
        self.isPersonal = isPersonal
    }

    /// Judges another number of seats on the plan that there is.
    ///
    /// - Parameter terms: of that plan.
    package func move(
        to wanted: Int64, _ terms: SeatTerms
    ) throws(SeatRefusal) -> SeatMove {
        // What there is may stay, also where the plan is not had with it any more.
        if wanted == paid && pending == nil { return .none }
        if wanted > paid { try require(wanted, terms) }
        // A lower plan that is to follow still does: with what is asked for.
        if let next {
            try require(wanted, next)
        } else if wanted < paid {
            try require(wanted, terms)
        }
        if wanted == paid { return .withdrawal }
        if wanted > paid { return .more }
        return wanted == pending ? .none : .fewer
    }

    /// Judges the seats that another plan begins with at once.
    ///
    /// - Parameters:
    ///   - wanted: `nil` for as many as there are.
    ///   - terms: of the other plan.
    /// - Returns: how many it begins with.
    package func upgrade(
        with wanted: Int64?, _ terms: SeatTerms
    ) throws(SeatRefusal) -> Int64 {
        let seats = wanted ?? paid
        try require(seats, terms)
        guard seats >= paid else { throw .fewerLater }
        return seats
    }

    /// Judges the seats that a lower plan begins with once what is paid ends.
    ///
    /// - Parameters:
    ///   - wanted: `nil` for as many as follow anyway.
    ///   - terms: of the lower plan.
    /// - Returns: how many it begins with.
    package func downgrade(
        with wanted: Int64?, _ terms: SeatTerms
    ) throws(SeatRefusal) -> Int64 {
        let seats = wanted ?? pending ?? paid
        try require(seats, terms)
        guard seats <= paid else { throw .moreNow }
        return seats
    }

    private func require(_ wanted: Int64, _ terms: SeatTerms) throws(SeatRefusal) {
        guard terms.allows(wanted), !isPersonal || wanted == 1 else { throw .outsidePlan }
        guard wanted >= enabled else { throw .inUse }
    }
}
