import Foundation
import JSON
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

    /// Of a renewal, unless it is said otherwise, of a plan that costs what ``known`` does.
    private static func telling(
        _ charge: YearCharge = known, after told: String?, ofYear invoice: String?,
        isScheduled: Bool = false, at now: Timestamp = now
    ) -> YearCharge.Telling {
        charge.telling(
            after: told, ofYear: invoice, isScheduled: isScheduled, planPrice: known.money, at: now)
    }

    @Test("The first time it is told, the same is not told again, anything else corrects it")
    func tellings() {
        let others: [YearCharge] = [
            Self.charge(18_000), Self.charge(0), Self.charge(20_000, "eur"),
            Self.charge(plan: UUID()), Self.charge(at: Self.due.adding(seconds: 86_400)),
        ]
        #expect(Self.telling(after: nil, ofYear: "in_1") == .first)
        for charge in others + [Self.known] {
            let said = Self.telling(charge, after: Self.known.text, ofYear: "in_1")
            #expect(said == (charge == Self.known ? .nothing : .correction))
            let again = Self.telling(charge, after: charge.text, ofYear: nil)
            #expect(again == .nothing)
        }
    }

    @Test("What was told of a year that has been paid since is past")
    func past() {
        let next = Self.charge(at: Self.due.adding(months: 12))
        let later = Self.due.adding(seconds: 86_400)
        #expect(Self.telling(next, after: Self.known.text, ofYear: "in_2", at: later) == .first)
        let atOnce = Self.telling(next, after: Self.known.text, ofYear: "in_2", at: Self.due)
        #expect(atOnce == .first)
    }

    @Test("An earlier version has told the plan's price by the invoice: that is not told again")
    func earlierVersion() {
        #expect(Self.telling(after: "in_1", ofYear: "in_1") == .nothing)
        #expect(Self.telling(after: "in_0", ofYear: "in_1") == .first)
        #expect(Self.telling(after: "in_0", ofYear: nil) == .first)
        for other in [Self.charge(18_000), Self.charge(0), Self.charge(20_000, "eur")] {
            #expect(Self.telling(other, after: "in_1", ofYear: "in_1") == .correction)
        }
        // It has told nobody of the plan that a schedule begins.
        for charge in [Self.known, Self.charge(18_000)] {
            let said = Self.telling(charge, after: "in_1", ofYear: "in_1", isScheduled: true)
            #expect(said == .first)
        }
        let unknown = Self.known.telling(
            after: "in_1", ofYear: "in_1", isScheduled: false, planPrice: nil, at: Self.now)
        #expect(unknown == .correction)
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
        #expect(Self.telling(after: text, ofYear: "in_9") == .first)
    }

    private static func paused(_ resumesAt: Int64?) -> JSONValue {
        let end: JSONValue = resumesAt.map { .int(due.seconds + $0) } ?? .null
        return ["behavior": "void", "resumes_at": end]
    }

    @Test("It is charged unless the subscription has ended by then or collection is paused then")
    func charged() throws {
        let due = Self.due.seconds
        for (members, isCharged) in [
            ([:], true), (["pause_collection": .null], true),
            (["pause_collection": Self.paused(nil)], false),
            (["pause_collection": Self.paused(1)], false),
            (["pause_collection": Self.paused(0)], true),
            (["pause_collection": Self.paused(-1)], true),
            (["cancel_at": .int(due - 1)], false), (["cancel_at": .int(due)], false),
            (["cancel_at": .int(due + 1)], true),
            (["cancel_at": .int(due), "cancel_at_period_end": true], false),
            (["cancel_at": .int(due + 1), "pause_collection": Self.paused(nil)], false),
            (["cancel_at": .int(due), "pause_collection": Self.paused(-1)], false),
            (["cancel_at_period_end": true], false), (["status": "canceled"], false),
        ] as [(KeyValuePairs<String, JSONValue>, Bool)] {
            let found = try subscription(members).isCharged(at: Self.due)
            #expect(found == isCharged, "\(members)")
        }
    }
}
