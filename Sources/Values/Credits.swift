/// An amount of credits as a whole number of micro-credits (1 credit = 1 000 000), never floating
/// point: sums of any length are exact.
public struct Credits: Sendable, Hashable, Comparable {
    public static let microsPerCredit: Int64 = 1_000_000
    /// The largest amount that the catalog or an operator may name: a billion credits. Two hundred
    /// thousand of them fit into an account before arithmetic could overflow.
    public static let maximum = Credits(clamping: 1_000_000_000 * microsPerCredit)
    /// What is kept of any one amount is at most this in size, a thousand times ``maximum``: the
    /// few amounts that a decision adds up always fit.
    public static let range: ClosedRange<Int64> = -limit...limit
    private static let limit: Int64 = 1_000 * 1_000_000_000 * microsPerCredit
    public static let zero = Credits(clamping: 0)

    public let micros: Int64

    /// Fails for a number from outside that is no amount to be kept.
    public init?(micros: Int64) {
        guard Credits.range.contains(micros) else { return nil }
        self.micros = micros
    }

    /// The nearest amount to be kept: for what was computed.
    public init(clamping micros: Int64) {
        self.micros = min(max(micros, Credits.range.lowerBound), Credits.range.upperBound)
    }

    /// A sum, which may be larger than what is kept. One that no integer could hold stays the
    /// largest or smallest there is, so that whoever compares it never takes it for a small one.
    private init(_ sum: (partialValue: Int64, overflow: Bool), isNegative: Bool) {
        micros = sum.overflow ? (isNegative ? .min : .max) : sum.partialValue
    }

    /// Reads a plain decimal such as `"25"`, `"-1.5"` or `"0.000001"`: at most six decimals, no
    /// exponent, no surrounding space, at most ``maximum`` in size. Anything else is `nil`.
    public init?(decimal text: String) {
        guard let micros = FixedPoint.parse(text), abs(micros) <= Credits.maximum.micros else {
            return nil
        }
        self.micros = micros
    }

    /// The decimal text with at least two and at most six decimals, e.g. `"1.50"`, `"0.000001"`.
    public var decimal: String { FixedPoint.format(micros) }

    /// The share `numerator / denominator` of this amount, rounded down to the hundredth of a
    /// credit. Both are spans of the same unit. A numerator beyond the span counts as its nearer
    /// end; of a span that is none the share is nothing.
    public func share(_ numerator: Int64, of denominator: Int64) -> Credits {
        guard denominator > 0 else { return .zero }
        let hundredth = Credits.microsPerCredit / 100
        let part = min(max(numerator, 0), denominator)
        let product = micros.multipliedFullWidth(by: part)
        let exact = denominator.dividingFullWidth(product).quotient
        return Credits(clamping: exact - exact % hundredth)
    }

    public static func < (left: Credits, right: Credits) -> Bool { left.micros < right.micros }
    public static func + (left: Credits, right: Credits) -> Credits {
        Credits(
            left.micros.addingReportingOverflow(right.micros), isNegative: right.micros < 0)
    }
    public static func - (left: Credits, right: Credits) -> Credits {
        Credits(
            left.micros.subtractingReportingOverflow(right.micros), isNegative: right.micros > 0)
    }
    public static prefix func - (amount: Credits) -> Credits { .zero - amount }
    public static func += (left: inout Credits, right: Credits) { left = left + right }
    public static func -= (left: inout Credits, right: Credits) { left = left - right }
}

/// What a plan charges for a feature relative to its internal cost, in millionths: `1.00` is
/// 1 000 000.
public struct Multiplier: Sendable, Hashable {
    /// Nothing costs anything.
    public static let zero = Multiplier(unchecked: 0)
    public static let one = Multiplier(unchecked: 1_000_000)
    public static let oneAndAHalf = Multiplier(unchecked: 1_500_000)
    /// In millionths: from nothing to a thousand times.
    public static let range: ClosedRange<Int64> = 0...1_000_000_000

    public let millionths: Int64

    /// Fails for a number that is not between `0` and `1000` times.
    public init?(millionths: Int64) {
        guard Multiplier.range.contains(millionths) else { return nil }
        self.millionths = millionths
    }

    private init(unchecked millionths: Int64) {
        self.millionths = millionths
    }

    /// Reads a decimal from `0` to `1000` with at most six decimals.
    public init?(decimal text: String) {
        guard let millionths = FixedPoint.parse(text) else { return nil }
        self.init(millionths: millionths)
    }

    public var decimal: String { FixedPoint.format(millionths) }

    /// `cost × multiplier`, or `nil` where the product has more than six decimals or is larger
    /// than ``Credits/maximum``: a cost is exact or the catalog is refused.
    public func applied(to cost: Credits) -> Credits? {
        let product = cost.micros.multipliedFullWidth(by: millionths)
        // The product has 128 bits; below this bound its millionth fits into 64.
        guard (0..<500_000).contains(product.high) else { return nil }
        let (micros, remainder) = Int64(1_000_000).dividingFullWidth(product)
        guard remainder == 0, micros <= Credits.maximum.micros else { return nil }
        return Credits(clamping: micros)
    }
}

/// Decimal text of numbers that are kept in millionths.
enum FixedPoint {
    static func parse(_ text: String) -> Int64? {
        var digits = Substring(text)
        let isNegative = digits.first == "-"
        if isNegative { digits = digits.dropFirst() }
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), (1...12).contains(parts[0].utf8.count) else {
            return nil
        }
        let fraction = parts.count == 2 ? parts[1] : "0"
        guard (1...6).contains(fraction.utf8.count),
            parts[0].utf8.allSatisfy(isDigit), fraction.utf8.allSatisfy(isDigit),
            let whole = Int64(parts[0]),
            let millionths = Int64(fraction + String(repeating: "0", count: 6 - fraction.count))
        else { return nil }
        let magnitude = whole * 1_000_000 + millionths
        return isNegative ? -magnitude : magnitude
    }

    static func format(_ value: Int64) -> String {
        let magnitude = value.magnitude
        var fraction = String(magnitude % 1_000_000 + 1_000_000).dropFirst()
        while fraction.utf8.count > 2 && fraction.last == "0" { fraction.removeLast() }
        return (value < 0 ? "-" : "") + "\(magnitude / 1_000_000).\(fraction)"
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
