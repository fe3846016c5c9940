import JSON

// Coupons and the discounts that they give: docs.stripe.com/api/coupons,
// docs.stripe.com/billing/subscriptions/coupons.

extension Account {
    static let couponFields = [
        "id", "name", "percent_off", "amount_off", "currency", "duration", "duration_in_months",
        "max_redemptions", "redeem_by", "metadata*", "expand*",
    ]

    func createCoupon(_ parameters: Parameters) throws -> JSONValue {
        let id = parameters.text("id") ?? Identifiers.make("", length: 8).replacing("_", with: "")
        guard try findAny(id) == nil else {
            throw StripeError.invalid(
                "Coupon already exists.", param: "id", code: "resource_already_exists")
        }
        var coupon = try JSONValue.shaped(
            Self.couponTemplate,
            [
                "id": .string(id), "created": .int(now), "metadata": try parameters.metadata(),
                "name": .text(parameters.text("name")),
                "redeem_by": .integer(try future(parameters, "redeem_by")),
            ])
        try setReduction(of: &coupon, parameters)
        try setDuration(of: &coupon, parameters)
        if let most = try parameters.int("max_redemptions") {
            guard most > 0 else {
                throw StripeError.invalid("Invalid positive integer", param: "max_redemptions")
            }
            coupon.set("max_redemptions", to: .int(most))
        }
        try save(coupon)
        try emit("coupon.created", coupon)
        return coupon
    }

    private func future(_ parameters: Parameters, _ name: String) throws -> Int64? {
        guard let time = try parameters.int(name) else { return nil }
        guard time > now else {
            throw StripeError.invalid("Invalid timestamp: must be in the future.", param: name)
        }
        return time
    }

    private func setReduction(of coupon: inout JSONValue, _ parameters: Parameters) throws {
        let percent = parameters.text("percent_off")
        let amount = try parameters.int("amount_off")
        guard (percent == nil) != (amount == nil) else {
            throw StripeError.invalid(
                "You must pass either percent_off or amount_off, and not both.",
                param: percent == nil ? "percent_off" : "amount_off")
        }
        if let percent {
            let isDecimal = percent.allSatisfy { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard isDecimal, percent.first != ".", percent.last != ".",
                let value = Double(percent), value > 0, value <= 100
            else {
                throw StripeError.invalid("Invalid percent_off", param: "percent_off")
            }
            coupon.set("percent_off", to: .number(percent))
        }
        guard let amount else { return }
        guard amount > 0 else { throw StripeError.invalid("Invalid", param: "amount_off") }
        coupon.set("amount_off", to: .int(amount))
        coupon.set("currency", to: .string(try currency(parameters)))
    }

    private func setDuration(of coupon: inout JSONValue, _ parameters: Parameters) throws {
        let duration = try parameters.choice(
            "duration", of: ["once", "repeating", "forever"], default: "once")
        let months = try parameters.int("duration_in_months")
        guard (duration == "repeating") == (months != nil), months ?? 1 > 0 else {
            throw StripeError.invalid(
                "duration_in_months goes with duration=repeating.", param: "duration_in_months")
        }
        coupon.set("duration", to: .string(duration))
        coupon.set("duration_in_months", to: .integer(months))
    }

    func updateCoupon(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        let old = try getLive(.coupon, id)
        var coupon = old
        coupon.set("metadata", to: try parameters.metadata(merging: old["metadata"] ?? [:]))
        if let name = parameters.sent("name") {
            coupon.set("name", to: .text(name.isEmpty ? nil : name))
        }
        try save(coupon)
        try emit("coupon.updated", coupon, previous: old)
        return coupon
    }

    /// Who has the discount already keeps it.
    func deleteCoupon(_ id: String) throws -> JSONValue {
        let coupon = try getLive(.coupon, id)
        try emit("coupon.deleted", coupon)
        return try replaceWithStub(.coupon, id)
    }

    private static let couponTemplate = """
        {"id":null,"object":"coupon","amount_off":null,"created":0,"currency":null,
        "duration":"once","duration_in_months":null,"livemode":false,"max_redemptions":null,
        "metadata":{},"name":null,"percent_off":null,"redeem_by":null,"times_redeemed":0,
        "valid":true}
        """
}

/// What a discount takes off.
struct Reduction {
    /// Nothing is taken off: the whole, in hundredths of a percent.
    static let all: Int64 = 10_000

    /// In hundredths of a percent.
    var percent: Int64?
    var amount: Int64?

    init(_ coupon: JSONValue) {
        amount = coupon["amount_off"]?.int
        if case .number(let text) = coupon["percent_off"], let value = Double(text) {
            percent = Int64((value * 100).rounded())
        }
    }

    /// What is taken off a sum that is positive; never more than the sum.
    func off(_ sum: Int64) -> Int64 {
        guard sum > 0 else { return 0 }
        if let amount { return min(amount, sum) }
        return min((sum * (percent ?? 0) + Self.all / 2) / Self.all, sum)
    }

    /// A part of an amount of either sign, rounded half away from zero.
    static func share(_ kept: Int64, of amount: Int64) -> Int64 {
        let magnitude = (Int128(amount.magnitude) * Int128(kept) + Int128(all / 2)) / Int128(all)
        return amount < 0 ? -Int64(clamping: magnitude) : Int64(clamping: magnitude)
    }
}

extension Account {
    /// The discounts that a request gives: nil where it says nothing, none where it takes them
    /// away.
    func discounts(
        _ parameters: Parameters, customer: String, currency: String
    ) throws -> [JSONValue]? {
        let elements = parameters.list("discounts")
        guard !elements.isEmpty else { return parameters.sent("discounts") == nil ? nil : [] }
        return try elements.enumerated().map { place, element in
            let param = "discounts[\(place)][coupon]"
            let coupon = try getLive(.coupon, try element.required("coupon"), param: param)
            try check(coupon, currency: currency, param: param)
            return discount(of: coupon, customer: customer)
        }
    }

    private func check(_ coupon: JSONValue, currency: String, param: String) throws {
        let used = coupon["times_redeemed"]?.int ?? 0
        let isOver = coupon["redeem_by"]?.int.map { $0 <= now } ?? false
        guard !isOver, used < coupon["max_redemptions"]?.int ?? .max else {
            throw StripeError.invalid(
                "This coupon has expired.", param: param, code: "coupon_expired")
        }
        guard coupon["currency"]?.string ?? currency == currency else {
            throw StripeError.invalid(
                "The coupon is in another currency than the subscription.", param: param)
        }
    }

    func discount(of coupon: JSONValue, customer: String) -> JSONValue {
        let months = coupon["duration_in_months"]?.int
        return [
            "id": .string(newID("di")), "object": "discount", "checkout_session": .null,
            "customer": .string(customer),
            "end": .integer(months.map { CalendarDates.adding(months: $0, to: now) }),
            "invoice": .null, "invoice_item": .null, "promotion_code": .null,
            "source": ["coupon": coupon["id"] ?? .null, "type": "coupon"],
            "start": .int(now), "subscription": .null, "subscription_item": .null,
        ]
    }

    /// Puts discounts on a subscription in place of those that it has.
    func give(_ discounts: [JSONValue], to subscription: inout JSONValue) throws {
        for id in (subscription["discounts"]?.array ?? []).compactMap(\.string) {
            try take(id)
        }
        let id = subscription["id"] ?? .null
        for var discount in discounts {
            discount.set("subscription", to: id)
            try save(discount)
            let couponID = discount.at("source", "coupon")?.string ?? ""
            if var coupon = try find(.coupon, couponID), coupon["deleted"]?.bool != true {
                let used = (coupon["times_redeemed"]?.int ?? 0) + 1
                coupon.set("times_redeemed", to: .int(used))
                coupon.set("valid", to: .bool(used < coupon["max_redemptions"]?.int ?? .max))
                try save(coupon)
            }
            try emit("customer.discount.created", discount)
        }
        subscription.set("discounts", to: .array(discounts.compactMap { $0["id"] }))
    }

    private func take(_ id: String) throws {
        guard let discount = try findAny(id) else { return }
        try emit("customer.discount.deleted", discount)
        try db.execute(sql: "DELETE FROM objects WHERE id = ?", arguments: [id])
    }

    /// The discounts that count now, each with what it takes off.
    func reductions(of subscription: JSONValue) throws -> [(id: String, Reduction)] {
        try (subscription["discounts"]?.array ?? []).compactMap(\.string).compactMap { id in
            guard let discount = try findAny(id), discount["end"]?.int ?? .max > now,
                let coupon = try coupon(of: discount)
            else { return nil }
            return (id, Reduction(coupon))
        }
    }

    /// Full lines with what the subscription's discounts take off. An amount is taken off once an
    /// invoice, from the first lines on; prorations are discounted already.
    func discounted(
        _ lines: [InvoiceLine], of subscription: JSONValue
    ) throws -> [InvoiceLine] {
        var lines = lines
        for (id, reduction) in try reductions(of: subscription) {
            var left = reduction.amount ?? .max
            for index in lines.indices where !lines[index].isProration {
                let rest = lines[index].amount - lines[index].discounted
                let off = min(reduction.off(rest), left)
                guard off > 0 else { continue }
                if reduction.amount != nil { left -= off }
                lines[index].discounts.append((id, off))
            }
        }
        for index in lines.indices where lines[index].discounted > 0 {
            let rest = lines[index].amount - lines[index].discounted
            lines[index].kept = rest * Reduction.all / lines[index].amount
        }
        return lines
    }

    /// What percentages leave of a price now.
    func kept(of subscription: JSONValue) throws -> Int64 {
        try reductions(of: subscription).reduce(Reduction.all) { kept, entry in
            kept * (Reduction.all - (entry.1.percent ?? 0)) / Reduction.all
        }
    }

    /// A deleted coupon is known to the discounts that it gave.
    private func coupon(of discount: JSONValue) throws -> JSONValue? {
        let id = discount.at("source", "coupon")?.string ?? ""
        guard let coupon = try find(.coupon, id) else { return nil }
        guard coupon["deleted"]?.bool == true else { return coupon }
        return try all(.event, .parent, is: id).first?.at("data", "object")
    }

    /// `once` leaves the subscription when its invoice is finalized, `repeating` when it is over.
    func endDiscounts(after invoice: JSONValue) throws {
        guard var subscription = try subscription(of: invoice), !Self.isEnded(subscription),
            let ids = subscription["discounts"]?.array?.compactMap(\.string), !ids.isEmpty
        else { return }
        let used = (invoice["total_discount_amounts"]?.array ?? []).compactMap {
            $0["discount"]?.string
        }
        let left = try ids.filter { id in
            guard let discount = try findAny(id), let coupon = try coupon(of: discount) else {
                return false
            }
            let isUsedUp = coupon["duration"] == "once" && used.contains(id)
            return !isUsedUp && discount["end"]?.int ?? .max > now
        }
        guard left != ids else { return }
        for id in ids where !left.contains(id) { try take(id) }
        let old = subscription
        subscription.set("discounts", to: .array(left.map { .string($0) }))
        try save(subscription)
        try emit("customer.subscription.updated", subscription, previous: old)
    }
}
