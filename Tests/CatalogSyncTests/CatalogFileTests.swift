import CatalogSync
import Foundation
import JSON
import Ledger
import Testing
import Values

@Suite("The catalog's file tells every flaw that it has")
struct CatalogFileTests {
    private static let plan = """
        {"id":"0198c0de-0000-7000-8000-000000000002","name":"Plus","description":"","price":\
        "20.00","currency":"usd","display_price":"$20 / month","type":"paid","trial_days":7,\
        "is_active":true,"rank":1,"features":[],"lookup_key":"plus","multiplier":"1.00",\
        "credits_allocation":"500","rate_limit_per_minute":30,"rate_limit_per_day":null,\
        "rollover":{"max_credits":"50","periods":1}}
        """
    private static let chat = """
        {"feature_key":"chat","product_type":"career","internal_cost_credits":"0.50",\
        "default_hold":"2","maximum_hold_seconds":60,"overuse":"if_available",\
        "late_commit_seconds":9,"token_prices":[{"model":"m*","input":"1","cached_input":"0.1",\
        "output":"4","reasoning":"6"},{"model":"n","input":"2","output":"8"}]}
        """
    private static let file = """
        {"plans":[{"id":"0198c0de-0000-7000-8000-000000000001","name":"Free","description":"",\
        "price":"0","currency":"usd","display_price":"Free","type":"free","trial_days":0,\
        "is_active":true,"rank":0,"features":[],"lookup_key":null,"multiplier":"1.00",\
        "credits_allocation":"25","rate_limit_per_minute":10,"rate_limit_per_day":100},\(plan)],\
        "features":[{"feature_key":"match","product_type":"career",\
        "internal_cost_credits":"1.00"},\(chat)],"credit_packs":[\(pack)]}
        """
    private static let pack = """
        {"id":"0198c0de-0000-7000-8000-000000000101","name":"Hundred","price":"5.00",\
        "currency":"eur","credits":"100","valid_days":365,"lookup_key":"pack_100",\
        "is_active":true}
        """

    private func flaws(_ text: String) throws -> [String] {
        do {
            _ = try CatalogFile.parse(JSONValue.parse(text))
            return []
        } catch let error as CatalogError {
            return error.flaws
        }
    }

    @Test("A file without flaws is a catalog")
    func good() throws {
        let catalog = try CatalogFile.parse(JSONValue.parse(Self.file))
        #expect(catalog.plans.map(\.name).sorted() == ["Free", "Plus"])
        let plus = catalog.plans.last { $0.name == "Plus" }
        #expect(plus?.pricing.rateLimitPerDay == nil)
        #expect(
            plus?.pricing.rollover == Rollover(maxCredits: Credits(decimal: "50")!, periods: 1))
        #expect(catalog.freePlan.pricing.rollover == nil)
        let pack = try #require(catalog.packs.first)
        #expect(pack.credits == Credits(decimal: "100") && pack.validDays == 365)
        #expect(pack.price == Money(amount: 500, currency: "eur") && pack.isActive)
        let without = Self.file.replacing(",\"credit_packs\":[\(Self.pack)]", with: "")
        #expect(try CatalogFile.parse(JSONValue.parse(without)).packs == [])
        let everlasting = Self.file.replacing("\"valid_days\":365", with: "\"valid_days\":null")
        #expect(try CatalogFile.parse(JSONValue.parse(everlasting)).packs[0].validDays == nil)
    }

    @Test("What a feature leaves out is what it was before there were such members")
    func features() throws {
        let catalog = try CatalogFile.parse(JSONValue.parse(Self.file))
        func credits(_ text: String) -> Credits { Credits(decimal: text)! }
        #expect(
            catalog.features["match"]
                == FeatureCostConfig(
                    featureKey: "match", productType: "career", internalCost: credits("1")))
        #expect(
            catalog.features["chat"]
                == FeatureCostConfig(
                    featureKey: "chat", productType: "career", internalCost: credits("0.5"),
                    tokenPrices: [
                        TokenPrice(
                            model: "m*", input: credits("1"), cachedInput: credits("0.1"),
                            output: credits("4"), reasoning: credits("6")),
                        TokenPrice(model: "n", input: credits("2"), output: credits("8")),
                    ], defaultHold: credits("2"), maximumHoldSeconds: 60, overuse: .ifAvailable,
                    lateCommitSeconds: 9))
    }

    @Test(
        "One wrong member is one flaw that names it",
        arguments: [
            (#""price":"20.00""#, #""price":20"#, "price must be"),
            (#""price":"20.00""#, #""price":"-20""#, "price must be"),
            (#""price":"20.00""#, #""price":"20.005""#, "more decimals than usd"),
            (#""price":"20.00""#, #""price":"0.49""#, "Plus: the price"),
            (#""price":"0""#, #""price":"1""#, "a free plan's price must be 0"),
            (#""rank":1"#, #""rank":1000001"#, "rank must be"),
            (#""rank":1"#, #""rank":1.5"#, "rank must be"),
            (#""trial_days":7"#, #""trial_days":-1"#, "trial_days must be"),
            (#""lookup_key":"plus""#, #""lookup_key":null"#, "a paid plan, and only that"),
            (#""lookup_key":null"#, #""lookup_key":"free""#, "a paid plan, and only that"),
            (#""type":"paid""#, #""type":"gold""#, "type must be"),
            (#""is_active":true,"rank":1"#, #""is_active":1,"rank":1"#, "is_active must be"),
            (#""credits_allocation":"500""#, #""credits_allocation":"-1""#, "not negative"),
            (
                #""multiplier":"1.00","credits_allocation":"500""#,
                #""multiplier":1,"credits_allocation":"500""#, "multiplier must be"
            ),
            (#""rate_limit_per_day":null"#, #""rate_limit_per_day":"many""#, "rate_limit_per_day"),
            (#""product_type":"career""#, #""product_type":"api""#, "product_type must be career"),
            (#""id":"0198c0de-0000-7000-8000-000000000002""#, #""id":"2""#, "id must be a UUID"),
            (#""default_hold":"2""#, #""default_hold":"-2""#, "default_hold must be"),
            (#""default_hold":"2""#, #""default_hold":2"#, "default_hold must be"),
            (#""default_hold":"2""#, #""default_hold":"1.0000001""#, "default_hold must be"),
            (#""default_hold":"2","#, "", "needs a default_hold"),
            (#""default_hold":"2""#, #""default_hold":null"#, "needs a default_hold"),
            (#""maximum_hold_seconds":60"#, #""maximum_hold_seconds":0"#, "from 1 to 1000000"),
            (#""maximum_hold_seconds":60"#, #""maximum_hold_seconds":"60""#, "from 1 to 1000000"),
            (#""overuse":"if_available""#, #""overuse":"owe""#, "overuse must be cap or"),
            (#""late_commit_seconds":9"#, #""late_commit_seconds":-1"#, "late_commit_seconds must"),
            (
                #""late_commit_seconds":9"#, #""late_commit_seconds":1.5"#,
                "late_commit_seconds must"
            ),
            (#""model":"m*""#, #""model":"*m""#, "model must be"),
            (#""model":"m*""#, #""model":"""#, "model must be"),
            (#""model":"m*""#, #""model":"n""#, "one model twice"),
            (#""model":"m*","input":"1""#, #""model":"m*""#, "input must be"),
            (#""input":"1""#, #""input":"-1""#, "input must be"),
            (#""output":"4""#, #""output":4"#, "output must be"),
            (#""cached_input":"0.1""#, #""cached_input":true"#, "cached_input must be"),
            // A misspelt member would charge cached tokens at the full price.
            (#""cached_input":"0.1""#, #""cached":"0.1""#, "token_prices has no member cached"),
            (#""reasoning":"6""#, #""reasoning":[]"#, "reasoning must be"),
            (#""token_prices":["#, #""token_prices":[],"others":["#, "must name a model"),
            (#""token_prices":["#, #""token_prices":{},"others":["#, "token_prices must be a list"),
            (#""credits":"100""#, #""credits":"0""#, "credits must be credits above 0"),
            (#""credits":"100""#, #""credits":100"#, "credits must be credits above 0"),
            (#""valid_days":365"#, #""valid_days":0"#, "valid_days must be"),
            (#""valid_days":365"#, #""valid_days":"1""#, "valid_days must be"),
            (#""price":"5.00""#, #""price":"0.49""#, "Hundred: the price"),
            (#""price":"5.00""#, #""price":"0.00""#, "Hundred: the price"),
            (#""currency":"eur""#, #""currency":"xxx""#, "Hundred: the price"),
            (#""lookup_key":"pack_100""#, #""lookup_key":null"#, "lookup_key must be a text"),
            // A key finds one price.
            (#""lookup_key":"pack_100""#, #""lookup_key":"plus""#, "lookup_key must be unique"),
            (#""credit_packs":["#, #""credit_packs":null,"others":["#, "credit_packs must be"),
            (#""rank":1,"#, #""rank":1,"min_seats":1,"#, "Plus: career has no min_seats"),
            (#""feature_key":"match""#, #""feature_key":"api.match""#, "begin with api."),
            (#""max_credits":"50""#, #""max_credits":"0""#, "max_credits must be"),
            (#""periods":1"#, #""periods":0"#, "periods must be"),
            (#""periods":1"#, #""months":1"#, "rollover has no member months"),
            (
                #""rollover":{"max_credits":"50","periods":1}"#, #""rollover":true"#,
                "max_credits must"
            ),
        ])
    func oneFlaw(find: String, replace: String, flaw: String) throws {
        let text = Self.file.replacing(find, with: replace)
        #expect(text != Self.file)
        let found = try flaws(text)
        #expect(found.contains { $0.contains(flaw) }, "\(found)")
    }

    @Test("All flaws are told at once")
    func all() throws {
        let text = Self.file.replacing("\"rank\":1", with: "\"rank\":-1")
            .replacing("\"description\":\"\"", with: "\"description\":null")
            .replacing("\"is_active\":true", with: "\"is_active\":\"yes\"")
        #expect(try flaws(text).count == 6)
        #expect(try flaws("{}").count == 2)
        #expect(try flaws("[]").count == 2)
    }

    @Test("A file that is missing, too large or no JSON is refused by its path")
    func unreadable() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        func flaw() -> String? {
            do {
                _ = try CatalogFile.read(path: path.path)
                return nil
            } catch {
                return (error as? CatalogError)?.flaws.first
            }
        }
        #expect(flaw()?.hasSuffix("cannot be read") == true)
        try Data("{".utf8).write(to: path)
        #expect(flaw()?.contains("is not JSON") == true)
        try Data(repeating: 0x20, count: 1 << 20 + 1).write(to: path)
        #expect(flaw()?.hasSuffix("is larger than 1 MiB") == true)
        try FileManager.default.removeItem(at: path)
    }
}
