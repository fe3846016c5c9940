import Testing
import Values

@Suite("Money is counted as Stripe counts it")
struct MoneyTests {
    /// A text of the catalog, Stripe's amount and the text on the wire; no amount where the
    /// currency cannot have it.
    static let texts: [(code: String, text: String, amount: Int64?, wire: String)] = [
        ("usd", "20", 2000, "20.00"), ("usd", "20.00", 2000, "20.00"), ("usd", "0.5", 50, "0.50"),
        ("usd", "20.005", nil, ""), ("usd", "-1.50", -150, "-1.50"), ("usd", "0", 0, "0.00"),
        ("jpy", "2000", 2000, "2000"), ("jpy", "2000.00", 2000, "2000"), ("jpy", "0.5", nil, ""),
        ("jpy", "-5", -5, "-5"), ("kwd", "1.234", 1234, "1.234"), ("kwd", "1.2345", nil, ""),
        ("kwd", "0.010", 10, "0.010"), ("isk", "500", 50_000, "500"),
        ("isk", "500.25", 50_025, "500.25"), ("ugx", "1", 100, "1"), ("huf", "1.5", 150, "1.50"),
        ("twd", "30", 3000, "30.00"),
    ]

    @Test("A text is read exactly, or not at all, and written with the currency's decimals")
    func decimals() throws {
        for (code, text, amount, wire) in Self.texts {
            let money = Money(decimal: text, currency: try #require(Currency(code)))
            #expect(money?.amount == amount, "\(code) \(text)")
            if let money { #expect(money.decimal == wire) }
        }
    }

    @Test("What a text is written as reads the same again, whatever the amount")
    func roundTrips() throws {
        for code in ["usd", "jpy", "kwd", "isk", "ugx", "huf", "twd", "idr", "zzz"] {
            let currency = try #require(Currency(code))
            for amount: Int64 in [0, 1, 9, 10, 99, 100, 101, 999, 1000, 1001, 99_999_999] {
                for signed in [amount, -amount] {
                    let money = try #require(Money(amount: signed, currency: currency))
                    #expect(Money(decimal: money.decimal, currency: currency) == money)
                }
            }
        }
    }

    @Test(
        "Amounts and codes that are none are no money",
        arguments: [
            (Int64.max, "usd"), (Int64.min, "usd"), (1_000_000_000_000_001, "jpy"), (1, ""),
            (1, "us"), (1, "USD"), (1, "usd "), (1, "ｕsd"), (1, "u$d"),
        ])
    func bounds(amount: Int64, code: String) {
        #expect(Money(amount: amount, currency: code) == nil)
    }

    @Test("A sum that no price can be is none, and never another one")
    func products() throws {
        let most = try #require(Money(amount: 1_000_000_000_000_000, currency: "usd"))
        #expect(most.times(1) == most)
        #expect(most.times(2) == nil)
        #expect(most.times(.max) == nil)
        #expect(most.times(.min) == nil)
        #expect(most.times(0)?.amount == 0)
    }

    @Test("What Stripe would not charge has a flaw, by amount, step and currency")
    func flaws() throws {
        let cases: [(Int64, String, Bool)] = [
            (50, "usd", true), (49, "usd", false), (99_999_999, "usd", true),
            (100_000_000, "usd", false), (30, "gbp", true), (29, "gbp", false), (50, "jpy", true),
            (49, "jpy", false), (1500, "czk", true), (1499, "czk", false), (10, "kwd", true),
            (15, "kwd", false), (0, "kwd", false), (200, "isk", true), (250, "isk", false),
            (100, "ugx", true), (101, "ugx", false), (100_000_000, "idr", true),
            (1_000_000_000_000, "idr", false), (2000, "xyz", false), (2000, "hrk", false),
        ]
        for (amount, code, isCharged) in cases {
            let money = try #require(Money(amount: amount, currency: code))
            #expect((money.chargeFlaw == nil) == isCharged, "\(amount) \(code)")
        }
    }

    @Test("Prices are ordered by the number that a person reads")
    func order() throws {
        let sorted: [(Int64, String)] = [
            (5, "usd"), (10, "kwd"), (1, "jpy"), (150, "usd"), (300, "isk"), (4, "jpy"),
        ]
        let prices = try sorted.map { try #require(Money(amount: $0, currency: $1)) }
        let read: [String] = prices.shuffled().sorted().map { $0.decimal }
        #expect(read == ["0.010", "0.05", "1", "1.50", "3", "4"])
    }

    @Test("A person reads the symbol that everybody knows, or the code")
    func spoken() throws {
        for (amount, code, text) in [
            (2000, "usd", "$20.00"), (-2000, "usd", "-$20.00"), (2000, "jpy", "¥2000"),
            (1990, "eur", "€19.90"), (30, "gbp", "£0.30"), (6120, "kwd", "KWD 6.120"),
        ] as [(Int64, String, String)] {
            #expect(Money(amount: amount, currency: code)?.spoken == text)
        }
    }
}
