import Foundation
import Renewals
import Testing
import Values

@Suite("What is told of the next charge for a year")
struct YearChargeTests {
    private static let plan = UUID()
    private static let due = Timestamp(rfc3339: "2027-03-01T12:00:00Z")!
    private static let now = due.adding(seconds: -14 * 86_400)

    private static func charge(
        _ amount: Int64 = 20_000, _ currency: String = "usd", plan: UUID = plan,
        at due: Timestamp = due
    ) -> YearCharge {
        YearCharge(at: due, planID: plan, money: Money(amount: amount, currency: currency)!)
    }

    private static let known = charge()

    @Test("The first time it is told, the same is not told again, anything else corrects it")
    func tellings() {
        let others: [YearCharge] = [
            Self.charge(18_000), Self.charge(0), Self.charge(20_000, "eur"),
            Self.charge(plan: UUID()), Self.charge(at: Self.due.adding(seconds: 86_400)),
        ]
        #expect(Self.known.telling(after: nil, ofYear: "in_1", at: Self.now) == .first)
        for charge in others + [Self.known] {
            let said = charge.telling(after: Self.known.text, ofYear: "in_1", at: Self.now)
            #expect(said == (charge == Self.known ? .nothing : .correction))
            let again = charge.telling(after: charge.text, ofYear: nil, at: Self.now)
            #expect(again == .nothing)
        }
    }

    @Test("What was told of a year that has been paid since is past")
    func past() {
        let next = Self.charge(at: Self.due.adding(months: 12))
        let later = Self.due.adding(seconds: 86_400)
        #expect(next.telling(after: Self.known.text, ofYear: "in_2", at: later) == .first)
        #expect(next.telling(after: Self.known.text, ofYear: "in_2", at: Self.due) == .first)
    }

    @Test("An earlier version has told by the invoice: of that year nothing is told again")
    func earlierVersion() {
        #expect(Self.known.telling(after: "in_1", ofYear: "in_1", at: Self.now) == .nothing)
        #expect(Self.known.telling(after: "in_0", ofYear: "in_1", at: Self.now) == .first)
        #expect(Self.known.telling(after: "in_0", ofYear: nil, at: Self.now) == .first)
    }

    @Test(
        "What is no charge's text was told of nothing that is known",
        arguments: [
            "", " ", "in_1", "1 2 3 4", "1 \(plan.uuidString) x usd", "1 \(plan.uuidString) 5",
            "1 \(plan.uuidString) 5 nothing", "1 \(plan.uuidString) 5 usd ",
            "\(Int64.max) \(plan.uuidString) 5 usd",
            "99999999999999999999 \(plan.uuidString) 5 usd",
        ])
    func texts(text: String) {
        #expect(YearCharge(text) == nil)
        #expect(YearCharge(Self.known.text) == Self.known)
        #expect(Self.known.telling(after: text, ofYear: "in_9", at: Self.now) == .first)
    }
}
