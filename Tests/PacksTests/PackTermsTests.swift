import Billing
import Foundation
import JSON
import Packs
import Stripe
import Testing
import Values

@Suite("A page says what its purchase promises, for a database that has lost it")
struct PackTermsTests {
    private static let purchase = PackPurchase(
        id: UUID(), userID: UUID(), packID: UUID(), packName: "100 credits",
        credits: Credits(decimal: "100.5")!, validDays: 365,
        price: Money(amount: 999, currency: "usd")!)

    private static var metadata: [String: String] { purchase.metadata(of: .career) }

    private static func page(
        _ metadata: [String: String], mode: String = "payment", currency: String? = "usd"
    ) throws -> StripeCheckoutSession {
        let members = JSONObject(metadata.map { ($0.key, JSONValue.string($0.value)) })
        return try StripeCheckoutSession([
            "id": "cs_1", "object": "checkout.session", "created": 1_767_225_600,
            "expires_at": 1_767_312_000, "livemode": false, "metadata": .object(members),
            "mode": .string(mode), "payment_status": "paid", "status": "complete",
            "amount_total": 999, "currency": currency.map { .string($0) } ?? .null,
        ])
    }

    @Test("What is read of a page is what was written into it", arguments: [365, nil] as [Int64?])
    func roundTrip(days: Int64?) throws {
        let sold = PackPurchase(
            id: Self.purchase.id, userID: Self.purchase.userID, packID: Self.purchase.packID,
            packName: "100 credits", credits: Self.purchase.credits, validDays: days,
            price: Self.purchase.price)
        #expect(
            try PackPurchase(promisedBy: Self.page(sold.metadata(of: .career)), of: .career) == sold
        )
    }

    @Test("A page that says less, or nonsense, promises nothing")
    func incomplete() throws {
        for key in Self.metadata.keys where key != "cuebx_valid_days" {
            for value in [nil, "", "x", "-1", "9223372036854775808"] {
                var metadata = Self.metadata
                metadata[key] = value
                if key == "cuebx_pack_name", value != nil { continue }
                #expect(
                    try PackPurchase(promisedBy: Self.page(metadata), of: .career) == nil,
                    "\(key)=\(value ?? "nothing")")
            }
        }
        for days in ["", "0", "-1", "x", "9223372036854775808"] {
            var metadata = Self.metadata
            metadata["cuebx_valid_days"] = days
            #expect(
                try PackPurchase(promisedBy: Self.page(metadata), of: .career) == nil,
                "\(days) days")
        }
        var free = Self.metadata
        free["cuebx_credits"] = "0"
        #expect(try PackPurchase(promisedBy: Self.page(free), of: .career) == nil)
        let metadata = Self.metadata
        #expect(
            try PackPurchase(promisedBy: Self.page(metadata, mode: "subscription"), of: .career)
                == nil)
        #expect(
            try PackPurchase(promisedBy: Self.page(metadata, currency: nil), of: .career) == nil)
        #expect(
            try PackPurchase(promisedBy: Self.page(metadata, currency: "xx"), of: .career) == nil)
    }
}
