import CatalogSync
import Foundation
import JSON
import Ledger
import Testing
import Values

@Suite("A file has a catalog of each product")
struct ProductFileTests {
    private static func plan(
        _ number: Int, _ name: String, paid: Bool, _ more: String = ""
    ) -> String {
        """
        {"id":"0198c0de-0000-7000-8000-0000000000\(number)","name":"\(name)","description":"",\
        "price":"\(paid ? "19.00" : "0")","currency":"usd","display_price":"","type":\
        "\(paid ? "paid" : "free")","trial_days":0,"is_active":true,"rank":\(paid ? 1 : 0),\
        "features":[],"lookup_key":\(paid ? "\"plan_\(number)\"" : "null"),"multiplier":"1.00",\
        "credits_allocation":"25","rate_limit_per_minute":10,"rate_limit_per_day":100\(more)}
        """
    }
    private static let freeSeats =
        #","seat_price":"0","min_seats":1,"max_seats":1,"seat_lookup_key":null"#
    private static let paidSeats =
        #","seat_price":"2.00","min_seats":1,"max_seats":5,"seat_lookup_key":"seat_22""#
    private static let career = """
        {"plans":[\(plan(11, "Free", paid: false)),\(plan(12, "Plus", paid: true))],"features":\
        [{"feature_key":"career.match","product_type":"career","internal_cost_credits":"1"}]}
        """
    private static let api = """
        {"plans":[\(plan(21, "Free", paid: false, freeSeats)),\
        \(plan(22, "Basic", paid: true, paidSeats))],"features":[{"feature_key":"api.match",\
        "product_type":"api","internal_cost_credits":"1"}]}
        """
    private static let file = #"{"products":{"career":\#(career),"api":\#(api)}}"#

    private func flaws(_ text: String) throws -> [String] {
        do {
            _ = try CatalogFile.catalogs(JSONValue.parse(text))
            return []
        } catch let error as CatalogError {
            return error.flaws
        }
    }

    @Test("Two products may have plans of one name and rank, each with its own free plan")
    func both() throws {
        let catalogs = try CatalogFile.catalogs(JSONValue.parse(Self.file))
        #expect(catalogs.map(\.product) == [.career, .api])
        #expect(catalogs.map(\.freePlan.name) == ["Free", "Free"])
        #expect(catalogs[0].plans.allSatisfy { $0.product == .career && $0.seats == nil })
        let basic = try #require(catalogs[1].plans.last)
        let two = Money(amount: 200, currency: .usd)!
        #expect(
            basic.seats == SeatTerms(price: two, minimum: 1, maximum: 5, lookupKey: "seat_22"))
        #expect(basic.lookupKeys == ["plan_22", "seat_22"])
        #expect([0, 1, 5, 6].map { basic.seats!.allows($0) } == [false, true, true, false])
        #expect(catalogs[0].features["api.match"] == nil)
        #expect(catalogs[1].features["career.match"] == nil)
    }

    @Test("A file in the old form is Career's, and a product may be left out")
    func oldForm() throws {
        let old = try CatalogFile.catalogs(JSONValue.parse(Self.career))
        #expect(old.map(\.product) == [.career] && old[0].plans.count == 2)
        let alone = #"{"products":{"career":\#(Self.career)}}"#
        #expect(try CatalogFile.catalogs(JSONValue.parse(alone)).map(\.product) == [.career])
    }

    @Test(
        "What is wrong of one product, or claimed by both, is told",
        arguments: [
            (#""product_type":"api""#, #""product_type":"career""#, "product_type must be api"),
            (#""feature_key":"api.match""#, #""feature_key":"match""#, "begin with api."),
            (#""feature_key":"career.match""#, #""feature_key":"api.more""#, "begin with api."),
            (#""seat_price":"2.00","#, "", "api: seat_price must be"),
            (#""seat_price":"2.00""#, #""seat_price":"0.10""#, "Basic: the price"),
            // The accounts of workspaces have no year of which a period is a month.
            (
                #""seat_price":"2.00""#, #""seat_price":"2.00","interval":"year""#,
                "Basic: api has plans by the month alone"
            ),
            (#""seat_price":"0""#, #""seat_price":"1.00""#, "a free plan's price must be 0"),
            (#""min_seats":1,"max_seats":5"#, #""min_seats":0,"max_seats":5"#, "min_seats must be"),
            (#""min_seats":1,"max_seats":5"#, #""min_seats":6,"max_seats":5"#, "to max_seats"),
            (#""max_seats":5"#, #""max_seats":"many""#, "max_seats must be"),
            (#""seat_lookup_key":"seat_22""#, #""seat_lookup_key":null"#, "a seat_lookup_key"),
            (#""seat_lookup_key":null"#, #""seat_lookup_key":"x""#, "a seat_lookup_key"),
            // One key finds one price.
            (#""seat_lookup_key":"seat_22""#, #""seat_lookup_key":"plan_22""#, "must be unique"),
            (#""seat_lookup_key":"seat_22""#, #""seat_lookup_key":"plan_12""#, "of two products"),
            (#""lookup_key":"plan_22""#, #""lookup_key":"plan_12""#, "of two products"),
            ("000000000022", "000000000012", "an id is of two products"),
            (#"{"products":{"career":"#, #"{"products":{"carer":"#, "no member carer"),
            (#"{"products":{"career":"#, #"{"products":{"carer":"#, "must have career"),
            (#"{"products":{"#, #"{"plans":[],"products":{"#, "must be a member of a product"),
            (#""api":{"plans":["#, #""api":{"plan":["#, "api: plans must be a list"),
            (#""api":{"plans":["#, #""api":{"plans":[],"more":["#, "one active plan must be free"),
        ])
    func oneFlaw(find: String, replace: String, flaw: String) throws {
        let text = Self.file.replacing(find, with: replace)
        #expect(text != Self.file)
        let found = try flaws(text)
        #expect(found.contains { $0.contains(flaw) }, "\(found)")
    }

    @Test(
        "Products that are no object of objects are refused", arguments: ["null", "[]", "{}", "1"])
    func shapes(products: String) throws {
        #expect(try !flaws(#"{"products":\#(products)}"#).isEmpty)
        #expect(try !flaws(#"{"products":{"career":\#(products)}}"#).isEmpty)
    }
}
