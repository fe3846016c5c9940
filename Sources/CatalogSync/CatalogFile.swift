import Foundation
import JSON
import Ledger
import LedgerStore
import Values

/// `catalog.json`: plans and prices as data, in the wire's field names.
public enum CatalogFile {
    static let maximumBytes = 1 << 20

    /// One product's plans, features and packs.
    package static func parse(
        _ json: JSONValue, of product: Product = .career
    ) throws -> Catalog {
        var reader = CatalogReader()
        let plans = reader.list(json, "plans") { plan, reader in
            Plan(
                id: reader.uuid(plan, "id"), product: product, name: reader.text(plan, "name"),
                description: reader.text(plan, "description"),
                price: reader.price(plan),
                displayPrice: reader.text(plan, "display_price"),
                kind: reader.kind(plan, "type"),
                interval: reader.optional(plan, "interval") { $2.interval($0, $1) } ?? .month,
                trialDays: reader.integer(plan, "trial_days"),
                isActive: reader.bool(plan, "is_active"), rank: reader.integer(plan, "rank"),
                features: reader.list(plan, "features") { feature, reader in
                    PlanFeature(
                        title: reader.text(feature, "title"),
                        description: reader.text(feature, "description"),
                        value: reader.text(feature, "value"),
                        category: reader.text(feature, "category"))
                },
                lookupKey: plan["lookup_key"]?.string,
                pricing: PlanPricingRule(
                    multiplier: reader.multiplier(plan, "multiplier"),
                    creditsAllocation: reader.credits(plan, "credits_allocation"),
                    rateLimitPerMinute: reader.limit(plan, "rate_limit_per_minute"),
                    rateLimitPerDay: reader.limit(plan, "rate_limit_per_day"),
                    rollover: reader.optional(plan, "rollover") { $2.rollover($0, $1) }),
                seats: reader.seats(plan, product))
        }
        let features = reader.list(json, "features") { feature, reader in
            reader.feature(feature)
        }
        let packs =
            json["credit_packs"] == nil
            ? [] : reader.list(json, "credit_packs") { $1.pack($0, product) }
        for plan in plans where (plan.kind == .paid) != (plan.lookupKey != nil) {
            reader.flaws.append("\(plan.name): a paid plan, and only that, has a lookup_key")
        }
        guard reader.flaws.isEmpty else { throw CatalogError(flaws: reader.flaws) }
        return try Catalog(
            revision: 0, of: product, plans: plans, features: features, packs: packs)
    }
}

/// Reads members and notes what is wrong, so that an operator sees all flaws at once.
private struct CatalogReader {
    var flaws: [String] = []

    mutating func list<Element>(
        _ json: JSONValue, _ name: String, _ read: (JSONValue, inout CatalogReader) -> Element
    ) -> [Element] {
        value(json, name, "a list", or: []) { $0.array }.map { read($0, &self) }
    }

    mutating func text(_ json: JSONValue, _ name: String) -> String {
        value(json, name, "a text", or: "") { $0.string }
    }

    mutating func bool(_ json: JSONValue, _ name: String) -> Bool {
        value(json, name, "true or false", or: false) { $0.bool }
    }

    mutating func integer(_ json: JSONValue, _ name: String) -> Int64 {
        value(json, name, "a whole number from 0 to 1000000", or: 0) { value in
            value.int.flatMap { CatalogTables.integers.contains($0) ? $0 : nil }
        }
    }

    mutating func uuid(_ json: JSONValue, _ name: String) -> UUID {
        value(json, name, "a UUID", or: UUID()) { $0.string.flatMap { UUID(uuidString: $0) } }
    }

    mutating func kind(_ json: JSONValue, _ name: String) -> Plan.Kind {
        value(json, name, "free or paid", or: .free) {
            $0.string.flatMap { Plan.Kind(rawValue: $0) }
        }
    }

    mutating func interval(_ json: JSONValue, _ name: String) -> Plan.Interval {
        value(json, name, "month or year", or: .month) {
            $0.string.flatMap { Plan.Interval(rawValue: $0) }
        }
    }

    mutating func credits(_ json: JSONValue, _ name: String) -> Credits {
        value(json, name, "credits such as \"1.50\", not negative", or: .zero) { value in
            value.string.flatMap { Credits(decimal: $0) }.flatMap { $0 >= .zero ? $0 : nil }
        }
    }

    mutating func multiplier(_ json: JSONValue, _ name: String) -> Multiplier {
        value(json, name, "a multiplier such as \"1.00\"", or: .zero) {
            $0.string.flatMap { Multiplier(decimal: $0) }
        }
    }

    /// An ISO 4217 code in lower case, as Stripe writes it; `nil` if it is none, which is noted.
    private mutating func currency(_ json: JSONValue, _ name: String) -> Currency? {
        let known = flaws.count
        let currency = value(json, name, "three letters such as \"usd\"", or: Currency.usd) {
            value in
            value.string.flatMap { Currency($0.lowercased()) }
        }
        return flaws.count == known ? currency : nil
    }

    /// A plain decimal; `nil` if it is none, which is noted.
    private mutating func decimal(_ json: JSONValue, _ name: String) -> String? {
        let known = flaws.count
        let text = value(json, name, "a price such as \"20.00\"", or: "") { value in
            value.string.flatMap {
                $0.wholeMatch(of: /[0-9]{1,12}(\.[0-9]{1,6})?/) == nil ? nil : $0
            }
        }
        return flaws.count == known ? text : nil
    }

    /// A price such as `"20.00"`, which Stripe can charge in the plan's currency if the plan is
    /// offered and paid for.
    ///
    /// - Parameter member: the member that has it.
    mutating func price(_ plan: JSONValue, _ member: String = "price") -> Money {
        let currency = currency(plan, "currency")
        let text = decimal(plan, member)
        guard let currency, let text else { return .zero(.usd) }
        let name = plan["name"]?.string ?? "a plan"
        guard let price = Money(decimal: text, currency: currency) else {
            flaws.append(
                "\(name): the price \(text) has more decimals than \(currency.code), which has "
                    + "\(currency.scale)")
            return .zero(currency)
        }
        guard plan["is_active"] != false else { return price }
        if plan["type"] == "free" {
            if price.amount != 0 { flaws.append("\(name): a free plan's price must be 0") }
        } else if let flaw = price.chargeFlaw {
            flaws.append("\(name): the price \(price.named) \(flaw)")
        }
        return price
    }

    mutating func feature(_ json: JSONValue) -> FeatureCostConfig {
        FeatureCostConfig(
            featureKey: text(json, "feature_key"), productType: text(json, "product_type"),
            internalCost: credits(json, "internal_cost_credits"),
            tokenPrices: optional(json, "token_prices") { $2.tokenPrices($0, $1) } ?? [],
            defaultHold: optional(json, "default_hold") { $2.credits($0, $1) },
            maximumHoldSeconds: optional(json, "maximum_hold_seconds") { $2.positive($0, $1) },
            overuse: optional(json, "overuse") { $2.overuse($0, $1) } ?? .cap,
            lateCommitSeconds: optional(json, "late_commit_seconds") { $2.integer($0, $1) } ?? 0)
    }

    /// The seats of a plan; of another product than those that are sold by seats, none may be
    /// told.
    mutating func seats(_ plan: JSONValue, _ product: Product) -> SeatTerms? {
        let names = ["seat_price", "min_seats", "max_seats", "seat_lookup_key"]
        guard product.sellsSeats else {
            for name in names where plan[name]?.isNull == false {
                flaws.append("\(plan["name"]?.string ?? "a plan"): \(product) has no \(name)")
            }
            return nil
        }
        return SeatTerms(
            price: price(plan, "seat_price"), minimum: positive(plan, "min_seats"),
            maximum: optional(plan, "max_seats") { $2.positive($0, $1) },
            lookupKey: optional(plan, "seat_lookup_key") { $2.text($0, $1) })
    }

    mutating func pack(_ json: JSONValue, _ product: Product) -> CreditPack {
        CreditPack(
            id: uuid(json, "id"), product: product, name: text(json, "name"), price: price(json),
            credits: creditsAboveZero(json, "credits", "of a pack"),
            validDays: optional(json, "valid_days") { $2.positive($0, $1) },
            lookupKey: text(json, "lookup_key"), isActive: bool(json, "is_active"))
    }

    private mutating func creditsAboveZero(
        _ json: JSONValue, _ name: String, _ whose: String
    ) -> Credits {
        value(json, name, "credits above 0 \(whose)", or: .zero) { value in
            value.string.flatMap { Credits(decimal: $0) }.flatMap { $0 > .zero ? $0 : nil }
        }
    }

    /// Reads a member unless it is left out or null.
    mutating func optional<Value>(
        _ json: JSONValue, _ name: String,
        _ read: (JSONValue, String, inout CatalogReader) -> Value
    ) -> Value? {
        json[name]?.isNull == false ? read(json, name, &self) : nil
    }

    private mutating func tokenPrices(_ json: JSONValue, _ name: String) -> [TokenPrice] {
        let prices = list(json, name) { price, reader in
            reader.refuseOthers(
                than: ["model", "input", "cached_input", "output", "reasoning"], in: price, name)
            return TokenPrice(
                model: reader.model(price, "model"), input: reader.credits(price, "input"),
                cachedInput: reader.optional(price, "cached_input") { $2.credits($0, $1) },
                output: reader.credits(price, "output"),
                reasoning: reader.optional(price, "reasoning") { $2.credits($0, $1) })
        }
        if json[name] == [] { flaws.append("\(name) must name a model") }
        return prices
    }

    /// A misspelt price would be none, and nobody would notice.
    private mutating func refuseOthers(
        than known: Set<String>, in json: JSONValue, _ name: String
    ) {
        for (key, _) in json.object?.members ?? [] where !known.contains(key) {
            flaws.append("\(name) has no member \(key)")
        }
    }

    /// A model's name, or a prefix of names with `*` at its end.
    private mutating func model(_ json: JSONValue, _ name: String) -> String {
        value(json, name, "a model's name, or the beginning of names and a * at its end", or: "*") {
            value in
            guard let text = value.string, (1...100).contains(text.count),
                !text.dropLast().contains("*")
            else { return nil }
            return text
        }
    }

    private mutating func positive(_ json: JSONValue, _ name: String) -> Int64 {
        value(json, name, "a whole number from 1 to 1000000", or: 1) { value in
            value.int.flatMap { $0 > 0 && CatalogTables.integers.contains($0) ? $0 : nil }
        }
    }

    private mutating func overuse(_ json: JSONValue, _ name: String) -> FeatureCostConfig.Overuse {
        value(json, name, "cap or if_available", or: .cap) {
            $0.string.flatMap { FeatureCostConfig.Overuse(rawValue: $0) }
        }
    }

    mutating func rollover(_ json: JSONValue, _ name: String) -> Rollover {
        let rollover = json[name] ?? .null
        refuseOthers(than: ["max_credits", "periods"], in: rollover, name)
        let most = creditsAboveZero(rollover, "max_credits", "in a rollover")
        return Rollover(maxCredits: most, periods: positive(rollover, "periods"))
    }

    /// A positive limit; null is unlimited.
    mutating func limit(_ json: JSONValue, _ name: String) -> Int64? {
        if json[name] == .null { return nil }
        return integer(json, name)
    }

    private mutating func value<Value>(
        _ json: JSONValue, _ name: String, _ expected: String, or placeholder: Value,
        _ read: (JSONValue) -> Value?
    ) -> Value {
        if let value = json[name].flatMap(read) { return value }
        flaws.append("\(name) must be \(expected)")
        return placeholder
    }
}
