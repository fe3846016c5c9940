import Foundation
import JSON
import Reconciliation
import Stripe
import Testing

/// An invoice as Stripe sends it; what is given takes the place of its members.
func invoice(
    lines: [JSONValue] = [], _ members: KeyValuePairs<String, JSONValue> = [:]
) throws(StripeDecodingError) -> StripeInvoice {
    var object: JSONObject = [
        "id": "in_1", "object": "invoice", "status": "paid", "attempt_count": 1, "amount_due": 0,
        "amount_paid": 0, "total": 0, "currency": "usd", "period_start": 1, "period_end": 1,
        "created": 1, "livemode": false, "metadata": [:], "status_transitions": [:],
        "lines": ["object": "list", "has_more": false, "data": .array(lines)],
    ]
    for (name, value) in members { object[name] = value }
    return try StripeInvoice(.object(object))
}

@Suite("When a paid period is missed by nobody")
struct GivenBackTests {
    private func line(
        _ amount: Int64, _ period: Range<Int64>, isProration: Bool = false, of item: String = "si_1"
    ) -> JSONValue {
        [
            "id": "il_1", "object": "line_item", "amount": .int(amount), "currency": "usd",
            "period": ["start": .int(period.lowerBound), "end": .int(period.upperBound)],
            "parent": [
                "subscription_item_details": [
                    "proration": .bool(isProration), "subscription_item": .string(item),
                ]
            ],
        ]
    }

    @Test("What is left of it is given back with a period that begins at that instant or later")
    func begun() throws {
        let month = try #require(try invoice(lines: [line(2000, 100..<200)]).lines.first)
        let rest = line(-1000, 150..<200, isProration: true)
        // A year begins some minutes after the preview by which the rest is counted.
        for (start, isGivenBack) in [
            (150, true), (151, true), (199, true), (149, false), (200, false),
        ] as [(Int64, Bool)] {
            let year = try invoice(lines: [rest, line(20_000, start..<5000)])
            #expect(month.isGivenBack(by: [try invoice(), year]) == isGivenBack, "\(start)")
            #expect(!month.isGivenBack(by: [try invoice(lines: [rest]), try invoice()]))
        }
        for other in [
            line(-1000, 150..<201, isProration: true), line(-1000, 99..<200, isProration: true),
            line(1000, 150..<200, isProration: true), line(-1000, 150..<200),
            line(-1000, 150..<200, isProration: true, of: "si_2"),
        ] {
            let year = try invoice(lines: [other, line(20_000, 151..<5000)])
            #expect(!month.isGivenBack(by: [year]), "\(other)")
        }
    }
}
