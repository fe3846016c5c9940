import Database
import FoundationEssentials
import JSON
import Ledger
import Values

/// How a plan lies in its two tables, `plans` and `plan_pricing_rules`.
enum PlanRow {
    private static func money(_ amount: Int64, _ currency: String) throws -> Money {
        guard let money = Money(amount: amount, currency: currency) else {
            throw DatabaseError.decoding("plans.price_minor and currency are no price")
        }
        return money
    }

    static func read(_ row: Row) throws -> Plan {
        var reader = row.reader
        func multiplier() throws -> Multiplier {
            guard let multiplier = Multiplier(millionths: try reader.integer()) else {
                throw DatabaseError.decoding("a plan's multiplier is none")
            }
            return multiplier
        }
        let (id, storedName) = (try reader.uuid(), try reader.text())
        let description = try reader.text()
        let price = try money(reader.count(), reader.text())
        let displayPrice = try reader.text()
        let kind = try reader.oneOf(Plan.Kind.self)
        let trialDays = try reader.integer(in: CatalogTables.integers)
        let (isActive, rank) = (
            try reader.bool(), try reader.integer(in: CatalogTables.integers)
        )
        let features = try PlanFeatures.parse(reader.text())
        let lookupKey = try reader.optionalText()
        let pricing = try PlanPricingRule(
            multiplier: multiplier(), creditsAllocation: reader.credits(),
            rateLimitPerMinute: reader.optionalCount(), rateLimitPerDay: reader.optionalCount(),
            rollover: rollover(&reader))
        let product = try reader.oneOf(Product.self)
        let seats = try seats(&reader, price.currency)
        return try Plan(
            id: id, product: product, name: name(storedName, of: product),
            description: description, price: price, displayPrice: displayPrice, kind: kind,
            interval: reader.oneOf(Plan.Interval.self), trialDays: trialDays, isActive: isActive,
            rank: rank, features: features,
            lookupKey: lookupKey, pricing: pricing, seats: seats)
    }

    /// - Parameter currency: the plan's own.
    private static func seats(
        _ reader: inout RowReader, _ currency: Currency
    ) throws -> SeatTerms? {
        let (amount, least) = (try reader.optionalCount(), try reader.optionalCount())
        let (most, key) = (try reader.optionalCount(), try reader.optionalText())
        guard let amount, let least else { return nil }
        return SeatTerms(
            price: try money(amount, currency.code), minimum: least, maximum: most,
            lookupKey: key)
    }

    /// The column `name` is unique over all plans, names are within a product: plans of other
    /// products than Career have the product's before theirs, e.g. `api.Free`.
    static func storedName(_ name: String, of product: Product) -> String {
        product == .career ? name : "\(product).\(name)"
    }

    static func name(_ stored: String, of product: Product) -> String {
        product == .career ? stored : String(stored.dropFirst("\(product).".count))
    }

    private static func rollover(_ reader: inout RowReader) throws -> Rollover? {
        let (most, periods) = (try reader.optionalCredits(), try reader.optionalCount())
        guard let most, let periods else { return nil }
        return Rollover(maxCredits: most, periods: periods)
    }

    /// Plans may take over each other's names, and a name is unique after every statement: the
    /// plans' own ids are in the way of nobody meanwhile.
    static func freeNames(
        of plans: [Plan], in connection: any DatabaseConnection
    ) throws {
        try connection.executeMany(
            "UPDATE plans SET name = ? WHERE id = ?",
            plans.map { [.text($0.id.text), .uuid($0.id)] })
    }

    static func write(
        _ plan: Plan, to connection: any DatabaseConnection, now: Timestamp
    ) throws {
        try connection.execute(
            """
            INSERT INTO plans (id, name, description, price_minor, currency, display_price, type,
                trial_days, is_active, rank, features, lookup_key, updated_at, product,
                seat_price_minor, min_seats, max_seats, seat_lookup_key, billing_interval)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET name = excluded.name,
                description = excluded.description, price_minor = excluded.price_minor,
                currency = excluded.currency, display_price = excluded.display_price,
                type = excluded.type, trial_days = excluded.trial_days,
                is_active = excluded.is_active, rank = excluded.rank,
                features = excluded.features, lookup_key = excluded.lookup_key,
                updated_at = excluded.updated_at, seat_price_minor = excluded.seat_price_minor,
                min_seats = excluded.min_seats, max_seats = excluded.max_seats,
                seat_lookup_key = excluded.seat_lookup_key,
                billing_interval = excluded.billing_interval
            """,
            [
                .uuid(plan.id), .text(storedName(plan.name, of: plan.product)),
                .text(plan.description),
                .integer(plan.price.amount), .text(plan.price.currency.code),
                .text(plan.displayPrice),
                .text(plan.kind.rawValue), .integer(plan.trialDays), .bool(plan.isActive),
                .integer(plan.rank), .text(PlanFeatures.text(plan.features)),
                .text(plan.lookupKey), .time(now), .text(plan.product.rawValue),
                .integer(plan.seats?.price.amount), .integer(plan.seats?.minimum),
                .integer(plan.seats?.maximum), .text(plan.seats?.lookupKey),
                .text(plan.interval.rawValue),
            ])
        try connection.execute(
            """
            INSERT INTO plan_pricing_rules (plan_id, multiplier, credits_allocation,
                rate_limit_per_minute, rate_limit_per_day, rollover_max_credits,
                rollover_periods)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (plan_id) DO UPDATE SET multiplier = excluded.multiplier,
                credits_allocation = excluded.credits_allocation,
                rate_limit_per_minute = excluded.rate_limit_per_minute,
                rate_limit_per_day = excluded.rate_limit_per_day,
                rollover_max_credits = excluded.rollover_max_credits,
                rollover_periods = excluded.rollover_periods
            """,
            [
                .uuid(plan.id), .integer(plan.pricing.multiplier.millionths),
                .credits(plan.pricing.creditsAllocation),
                .integer(plan.pricing.rateLimitPerMinute),
                .integer(plan.pricing.rateLimitPerDay),
                .credits(plan.pricing.rollover?.maxCredits),
                .integer(plan.pricing.rollover?.periods),
            ])
    }
}

/// A plan's selling points are shown, never queried: one JSON text in one column.
enum PlanFeatures {
    static func text(_ features: [PlanFeature]) -> String {
        JSONValue.array(
            features.map {
                [
                    "title": .string($0.title), "description": .string($0.description),
                    "value": .string($0.value), "category": .string($0.category),
                ]
            }
        ).compactText
    }

    static func parse(_ text: String) throws -> [PlanFeature] {
        try (JSONValue.parse(text).array ?? []).map { feature in
            func member(_ name: String) throws -> String {
                guard let text = feature[name]?.string else {
                    throw DatabaseError.decoding("plans.features lacks \(name)")
                }
                return text
            }
            return try PlanFeature(
                title: member("title"), description: member("description"),
                value: member("value"), category: member("category"))
        }
    }
}
