import Foundation
import Ledger
import Testing

@Suite("Returning money takes back exactly what it bought")
struct ReturnedMoneyTests {
    var ledger = TestLedger()
    private var stripe = Purchases()

    /// Applies Stripe's state twice: the second time must change nothing.
    private mutating func see(_ user: UUID) {
        ledger.apply(ApplyBilling(userID: user, snapshot: stripe.snapshot))
        let (account, lines) = (ledger.accounts[user], ledger.grants)
        ledger.apply(ApplyBilling(userID: user, snapshot: stripe.snapshot))
        #expect(ledger.accounts[user] == account && ledger.grants == lines)
        #expect(ledger.brokenInvariants() == [])
    }

    private mutating func use(_ user: UUID, _ credits: Int) { ledger.use(user, credits) }

    private func allocated(_ user: UUID) -> String { ledger.context(user).allocated.decimal }
    private func owed(_ user: UUID) -> String { ledger.context(user).owed.decimal }

    /// On Plus from day 0, on Pro from day 15: 500 and 750 credits.
    private mutating func upgraded() -> UUID {
        let user = ledger.newUser()
        see(user)
        ledger.advance(days: 15)
        stripe.upgrade("ii_1", on: 15)
        see(user)
        #expect(allocated(user) == "1250.00")
        return user
    }

    @Test(
        "An upgrade's money takes the same share of its credits back, rounded up to the hundredth",
        arguments: [
            (0, "1250.00"), (1, "1249.25"), (250, "1062.50"), (333, "1000.25"), (500, "875.00"),
            (999, "500.75"), (1000, "500.00"),
        ])
    mutating func upgradeReturned(returned: Int64, left: String) {
        let user = upgraded()
        stripe.changes[0].payment.returned = returned
        see(user)
        #expect(allocated(user) == left && owed(user) == "0.00")
        #expect(ledger.accounts[user]!.subscription.planID == TestLedger.pro.id)
    }

    @Test("What goes back in several parts takes what it would take at once")
    mutating func inParts() {
        let user = upgraded()
        for returned in [1, 250, 333, 600, 1000] as [Int64] {
            stripe.changes[0].payment.returned = returned
            see(user)
        }
        #expect(allocated(user) == "500.00")
    }

    @Test("What was used of a returned upgrade is a debt, by which the next plan grant is reduced")
    mutating func debt() {
        let user = upgraded()
        use(user, 800)
        stripe.changes[0].payment.returned = 1000
        see(user)
        #expect(allocated(user) == "800.00" && owed(user) == "300.00")
        ledger.advance(days: 15)
        stripe.periods.append(("in_2", TestLedger.pro, Purchases.Payment(paid: 4000)))
        see(user)
        #expect(allocated(user) == "1700.00" && owed(user) == "0.00")
        ledger.advance(days: 30)
        stripe.periods.append(("in_3", TestLedger.pro, Purchases.Payment(paid: 4000)))
        see(user)
        #expect(allocated(user) == "2000.00")
    }

    @Test("A debt that is larger than a grant is paid by as many grants as it takes")
    mutating func largeDebt() {
        let user = ledger.newUser()
        see(user)
        stripe.upgrade("ii_1", on: 0)
        see(user)
        use(user, 1999)
        stripe.lower("ii_2", on: 0)
        see(user)
        #expect(allocated(user) == "1999.00" && owed(user) == "1499.00")
        for (number, expected) in [(2, "0.00"), (3, "0.00"), (4, "1.00"), (5, "500.00")] {
            ledger.advance(days: 30)
            stripe.periods.append(("in_\(number)", TestLedger.plus, Purchases.Payment(paid: 2000)))
            stripe.periods = Array(stripe.periods)
            see(user)
            #expect(allocated(user) == expected)
        }
    }

    @Test("A refund that fails gives back what was taken, whether or not it was a debt")
    mutating func failedRefund() {
        let user = upgraded()
        use(user, 800)
        for _ in 0..<3 {
            stripe.changes[0].payment.returned = 1000
            see(user)
            #expect(allocated(user) == "800.00" && owed(user) == "300.00")
            stripe.changes[0].payment.returned = 0
            see(user)
            #expect(allocated(user) == "1250.00" && owed(user) == "0.00")
        }
    }

    @Test("A refund that fails after the turn gives back what the next grant has paid")
    mutating func failedAfterTheTurn() {
        let user = upgraded()
        use(user, 800)
        stripe.changes[0].payment.returned = 1000
        see(user)
        ledger.advance(days: 15)
        stripe.periods.append(("in_2", TestLedger.pro, Purchases.Payment(paid: 4000)))
        see(user)
        #expect(allocated(user) == "1700.00")
        stripe.changes[0].payment.returned = 0
        see(user)
        #expect(allocated(user) == "2000.00" && owed(user) == "0.00")
    }

    @Test(
        "An upgrade's return comes to the same before and after the turn",
        arguments: [0, 450, 800, 1250], [500, 1000])
    mutating func aroundTheTurn(used: Int, returned: Int64) {
        var ends: [String] = []
        for sees in [[15, 30], [30], [31]] {
            ledger = TestLedger()
            stripe = Purchases()
            let user = upgraded()
            use(user, used)
            if sees != [31] { stripe.changes[0].payment.returned = returned }
            if sees.count == 2 { see(user) }
            ledger.advance(days: 15)
            stripe.periods.append(("in_2", TestLedger.pro, Purchases.Payment(paid: 4000)))
            see(user)
            stripe.changes[0].payment.returned = returned
            see(user)
            ends.append("\(allocated(user)) \(owed(user))")
        }
        #expect(Set(ends).count == 1, "\(ends)")
    }

    @Test("What is reserved counts as used, what is overdue does not")
    mutating func reserved() {
        let user = upgraded()
        use(user, 1240)
        ledger.advance(seconds: 60)
        for number in 0..<5 { _ = ledger.reserve(user, "held \(number)") }
        stripe.changes[0].payment.returned = 1000
        see(user)
        #expect(allocated(user) == "1245.00" && owed(user) == "745.00")
        ledger = TestLedger()
        stripe = Purchases()
        let other = upgraded()
        use(other, 1240)
        ledger.advance(seconds: 60)
        for number in 0..<5 { _ = ledger.reserve(other, "overdue \(number)") }
        ledger.advance(seconds: 900)
        stripe.changes[0].payment.returned = 1000
        see(other)
        #expect(allocated(other) == "1240.00" && owed(other) == "740.00")
    }

    @Test(
        "Of the running period's own money a part takes its share, and the plan stays",
        arguments: [(500, "375.00"), (1, "499.75"), (1999, "0.25")])
    mutating func partOfThePeriod(returned: Int64, left: String) {
        let user = ledger.newUser()
        see(user)
        stripe.periods[0].payment.returned = returned
        see(user)
        #expect(allocated(user) == left)
        #expect(ledger.accounts[user]!.subscription.planID == TestLedger.plus.id)
    }

    @Test("In full it ends the plan at once and caps what is left, however many parts it came in")
    mutating func wholePeriod() {
        for parts in [[2000], [500, 2000], [1, 1000, 1999, 2000]] as [[Int64]] {
            ledger = TestLedger()
            stripe = Purchases()
            let user = ledger.newUser()
            see(user)
            use(user, 10)
            for part in parts {
                stripe.periods[0].payment.returned = part
                see(user)
            }
            #expect(allocated(user) == "25.00" && owed(user) == "0.00")
            #expect(ledger.accounts[user]!.subscription.planID == TestLedger.free.id)
        }
    }

    @Test("What a grant has paid of a debt is owed again where the grant's own money goes back")
    mutating func debtOfAReturnedPeriod() {
        let user = upgraded()
        use(user, 800)
        stripe.changes[0].payment.returned = 1000
        see(user)
        ledger.advance(days: 15)
        stripe.periods.append(("in_2", TestLedger.pro, Purchases.Payment(paid: 4000)))
        see(user)
        stripe.periods[1].payment.returned = 4000
        see(user)
        #expect(allocated(user) == "25.00" && owed(user) == "300.00")
    }

    @Test("An earlier period's money takes nothing")
    mutating func earlierPeriod() {
        let user = ledger.newUser()
        see(user)
        use(user, 100)
        ledger.advance(days: 30)
        stripe.periods.append(("in_2", TestLedger.plus, Purchases.Payment(paid: 2000)))
        see(user)
        stripe.periods[0].payment.returned = 2000
        see(user)
        #expect(allocated(user) == "500.00" && owed(user) == "0.00")
        #expect(ledger.accounts[user]!.subscription.planID == TestLedger.plus.id)
    }
}
