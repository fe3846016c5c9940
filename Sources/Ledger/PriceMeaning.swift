import FoundationEssentials

/// What a price at Stripe sells, judged by Stripe's data and the catalog alone. Nothing is
/// remembered between two judgements, so that every process comes to the same one.
package enum PriceMeaning: Sendable, Equatable {
    case plan(UUID)
    /// A seat of a plan.
    case seat(UUID)
    /// None of our plans.
    case nothing
    /// Stripe's data say more than one thing; the names of the plans are given.
    case ambiguous([String])
    /// The metadata name a plan that the catalog does not have.
    case unknownPlan(String)

    package var plan: UUID? {
        guard case .plan(let id) = self else { return nil }
        return id
    }

    /// The plan of which it is a seat.
    package var seatOf: UUID? {
        guard case .seat(let id) = self else { return nil }
        return id
    }
}
