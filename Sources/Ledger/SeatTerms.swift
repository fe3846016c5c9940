import Values

/// What a seat of a plan costs, and how many there may be. Every seat is billed, the owner's too,
/// beside the plan's own price.
public struct SeatTerms: Sendable, Hashable {
    /// The price of one seat a month.
    public let price: Money
    /// The fewest seats that can be had; at least 1.
    public let minimum: Int64
    /// The most; `nil`: as many as wanted.
    public let maximum: Int64?
    /// Where Stripe's price of a seat is found; `nil` for a free plan.
    public let lookupKey: String?

    public init(price: Money, minimum: Int64, maximum: Int64?, lookupKey: String?) {
        self.price = price
        self.minimum = minimum
        self.maximum = maximum
        self.lookupKey = lookupKey
    }

    /// Whether the plan can be had with so many seats.
    public func allows(_ seats: Int64) -> Bool {
        seats >= minimum && maximum.map { seats <= $0 } ?? true
    }

    /// What is wrong with them on a plan of this product; `nil` if nothing is.
    static func flaw(of plan: Plan) -> String? {
        guard plan.product.sellsSeats else {
            return plan.seats == nil ? nil : "\(plan.name): plans of \(plan.product) have no seats"
        }
        guard let seats = plan.seats else { return "\(plan.name) says nothing of seats" }
        if (plan.kind == .paid) != (seats.lookupKey != nil) {
            return "\(plan.name): a paid plan, and only that, has a seat_lookup_key"
        }
        if seats.minimum < 1 || seats.maximum.map({ $0 < seats.minimum }) ?? false {
            return "\(plan.name): min_seats must be from 1 to max_seats"
        }
        return seats.price.currency == plan.price.currency
            ? nil : "\(plan.name): a seat is priced in the plan's currency"
    }
}
