/// A currency as Stripe counts and charges it (https://docs.stripe.com/currencies).
public struct Currency: Sendable, Hashable {
    /// ISO 4217 in lower case, as Stripe writes it.
    public let code: String

    /// Fails for what is not three lower-case letters. A currency that Stripe takes up one day is
    /// counted with two decimals until this table knows it.
    public init?(_ code: String) {
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        guard code.utf8.count == 3, code.utf8.allSatisfy({ letters.contains($0) }) else {
            return nil
        }
        self.code = code
    }

    private init(known code: String) {
        self.code = code
    }

    public static let usd = Currency(known: "usd")

    /// Whether Stripe charges in it.
    public var isCharged: Bool { Self.charged.contains(code) }

    /// The decimals of the unit that Stripe's amounts count, e.g. 2 for cents.
    public var scale: Int {
        if Self.withoutDecimals.contains(code) { return 0 }
        return Self.withThreeDecimals.contains(code) ? 3 : 2
    }

    /// What an amount that can be charged is a whole multiple of, in that unit.
    public var step: Int64 {
        if Self.withThreeDecimals.contains(code) { return 10 }
        return Self.withoutDecimalsTimes100.contains(code) ? 100 : 1
    }

    /// The decimals that a price is written with.
    public var decimals: Int { Self.withoutDecimalsTimes100.contains(code) ? 0 : scale }

    /// The least and the most that one charge may be, in the unit of Stripe's amounts. Stripe names
    /// the least for the currencies that it settles in; the others have what it comes to in those,
    /// which only Stripe knows.
    public var chargeable: ClosedRange<Int64> {
        (Self.leastCharges[code] ?? step)...(code == "idr" ? 999_999_999_999 : 99_999_999)
    }

    private static let withoutDecimals: Set = [
        "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf",
        "xof", "xpf",
    ]
    /// They have no decimals, and Stripe counts their hundredths all the same.
    private static let withoutDecimalsTimes100: Set = ["isk", "ugx"]
    /// The last decimal of what is charged must be 0.
    private static let withThreeDecimals: Set = ["bhd", "jod", "kwd", "omr", "tnd"]

    private static let leastCharges: [String: Int64] = [
        "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250,
        "eur": 50, "gbp": 30, "hkd": 400, "huf": 17_500, "inr": 50, "jpy": 50, "mxn": 1000,
        "myr": 200, "nok": 300, "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50,
        "thb": 1000, "usd": 50,
    ]

    private static let charged = Set(
        """
        aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn
        bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd
        gnf gtq gyd hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak
        lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd
        omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std
        szl thb tjs tnd top try ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer
        zar zmw
        """.split(whereSeparator: \.isWhitespace).map(String.init))
}
