/// An amount of money: a whole number of the unit that Stripe counts its currency in. The same
/// value is the catalog's price, what is shown, previewed and mailed, and what Stripe is asked to
/// charge.
public struct Money: Sendable, Hashable, Comparable {
    /// Amounts are at most this in size, so that the few that are added up always fit.
    private static let limit: Int64 = 1_000_000_000_000_000

    /// In Stripe's unit, e.g. cents; yen for a currency without decimals.
    public let amount: Int64
    public let currency: Currency

    /// Fails for an amount that no price can be.
    public init?(amount: Int64, currency: Currency) {
        guard (-Self.limit...Self.limit).contains(amount) else { return nil }
        self.amount = amount
        self.currency = currency
    }

    /// The same for what Stripe says or a row holds; fails for what is no currency's code too.
    public init?(amount: Int64, currency code: String) {
        guard let currency = Currency(code) else { return nil }
        self.init(amount: amount, currency: currency)
    }

    /// Reads a plain decimal such as `"20.00"`; fails for what is none, and for decimals that the
    /// currency does not have. Zeros that follow the last one it has change nothing.
    public init?(decimal text: String, currency: Currency) {
        guard let millionths = FixedPoint.parse(text) else { return nil }
        var unit: Int64 = 1_000_000
        for _ in 0..<currency.scale { unit /= 10 }
        guard millionths % unit == 0 else { return nil }
        self.init(amount: millionths / unit, currency: currency)
    }

    public static func zero(_ currency: Currency) -> Money {
        Money(amount: 0, of: currency)
    }

    private init(amount: Int64, of currency: Currency) {
        self.amount = amount
        self.currency = currency
    }

    /// The decimal text of the major unit with the decimals of the currency, e.g. `"20.00"`, or
    /// `"2000"` for yen. What a currency without decimals has beyond its whole units, as an invoice
    /// may, is shown all the same.
    public var decimal: String {
        var unit: Int64 = 1
        for _ in 0..<currency.scale { unit *= 10 }
        let magnitude = amount.magnitude
        let (whole, rest) = magnitude.quotientAndRemainder(dividingBy: unit.magnitude)
        let sign = amount < 0 ? "-" : ""
        let isWhole = currency.decimals == 0 && rest == 0
        guard currency.scale > 0, !isWhole else { return "\(sign)\(whole)" }
        return "\(sign)\(whole).\(String(rest + unit.magnitude).dropFirst())"
    }

    /// As a person reads it, e.g. `$20.00` or `KWD 6.000`.
    public var spoken: String {
        let symbols = ["usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"]
        let symbol = symbols[currency.code] ?? currency.code.uppercased() + " "
        return amount < 0
            ? "-" + symbol + String(decimal.dropFirst()) : symbol + decimal
    }

    /// Why Stripe would not charge it; `nil` if it would.
    public var chargeFlaw: String? {
        guard currency.isCharged else { return "is in a currency that Stripe does not charge" }
        let limits = currency.chargeable
        if amount < limits.lowerBound {
            return "is below the least that Stripe charges, "
                + "\(Money(amount: limits.lowerBound, of: currency).named)"
        }
        if amount > limits.upperBound {
            return "is above the most that Stripe charges, "
                + "\(Money(amount: limits.upperBound, of: currency).named)"
        }
        guard amount % currency.step == 0 else {
            return currency.scale == 3
                ? "must end in 0: the third decimal of \(currency.code) is not charged"
                : "must be whole: \(currency.code) has no decimals"
        }
        return nil
    }

    /// E.g. `20.00 usd`.
    public var named: String { "\(decimal) \(currency.code)" }

    /// By the number that a person reads, then by the currency: an order to show prices in.
    public static func < (left: Money, right: Money) -> Bool {
        (left.thousandths, left.currency.code) < (right.thousandths, right.currency.code)
    }

    private var thousandths: Int64 {
        var factor: Int64 = 1000
        for _ in 0..<currency.scale { factor /= 10 }
        // The largest amount times a thousand fits.
        return amount * factor
    }

    /// As often; the quantity of a subscription's item. Fails for what no price can be.
    public func times(_ quantity: Int64) -> Money? {
        let (product, overflow) = amount.multipliedReportingOverflow(by: quantity)
        return overflow ? nil : Money(amount: product, currency: currency)
    }
}
