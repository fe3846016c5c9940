import Foundation
import Ledger
import Testing
import Values

@Suite("What becomes of a grant beside the pool")
struct GrantLifeTests {
    var ledger = TestLedger()
    private let one = Credits(decimal: "1")!

    @Test("A cause is granted once, however often and with whatever amount it comes")
    mutating func once() {
        let user = ledger.newUser()
        ledger.give(user, "3", "payment")
        guard case .existing(let grant) = ledger.give(user, "5", "payment") else {
            Issue.record("granted twice")
            return
        }
        _ = ledger.commit(user, ledger.hold(user, "28"))
        #expect(grant.amount.decimal == "3.00" && ledger.grant(user, "payment").remaining == .zero)
        guard case .existing = ledger.give(user, "3", "payment") else {
            Issue.record("granted again after it was used up")
            return
        }
        #expect(ledger.available(user) == "0.00" && ledger.brokenInvariants() == [])
    }

    @Test("64 grants may be open; what was bought or left over always fits")
    mutating func bound() {
        let user = ledger.newUser()
        for number in 0..<64 { ledger.give(user, "1", "\(number)", until: number == 0 ? 60 : nil) }
        #expect(ledger.give(user, "1", "one more") == .tooManyGrants)
        for source in [StandaloneGrant.Source.topUp, .rollover] {
            guard case .added = ledger.give(user, "1", source.rawValue, source: source) else {
                Issue.record("no room for \(source)")
                return
            }
        }
        // What has ended is not open, whether or not that was written down.
        for _ in 0..<3 {
            ledger.advance(seconds: 60)
            #expect(ledger.give(user, "1", "one more") == .tooManyGrants)
        }
        ledger.apply(SettleTopUp(of: user, "1", takenBack: one))
        ledger.apply(SettleTopUp(of: user, "2", takenBack: one))
        ledger.apply(SettleTopUp(of: user, "3", takenBack: one))
        guard case .added = ledger.give(user, "1", "one more") else {
            Issue.record("what is over counts")
            return
        }
        #expect(ledger.brokenInvariants() == [])
    }

    @Test(
        "Taken back is what remains, then what was held as it goes back; what is used is not owed")
    mutating func takenBack() {
        let user = ledger.newUser()
        ledger.give(user, "10", priority: 1, isPaid: true)
        _ = ledger.commit(user, ledger.hold(user, "3", "used"))
        let running = ledger.hold(user, "4", "running")
        ledger.apply(SettleTopUp(of: user, "g", takenBack: Credits(decimal: "10")!))
        #expect(ledger.parts(user) == ["0.00", "4.00", "3.00", "0.00", "3.00"])
        ledger.capture(user, running, "1")
        _ = ledger.commit(user, running, success: false)
        #expect(ledger.parts(user) == ["0.00", "0.00", "4.00", "0.00", "6.00"])
        #expect(ledger.context(user).owed == .zero && ledger.available(user) == "25.00")
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("What a refund and a dispute of one payment return is taken back once")
    mutating func takenBackOnce() {
        let user = ledger.newUser()
        ledger.give(user, "10")
        for total in ["4", "4", "7"] {
            ledger.apply(SettleTopUp(of: user, "g", takenBack: Credits(decimal: total)!))
        }
        #expect(ledger.parts(user) == ["3.00", "0.00", "0.00", "0.00", "7.00"])
        // A refund that fails gives back.
        ledger.apply(SettleTopUp(of: user, "g", takenBack: Credits(decimal: "4")!))
        #expect(ledger.parts(user) == ["6.00", "0.00", "0.00", "0.00", "4.00"])
        ledger.apply(SettleTopUp(of: user, "g", takenBack: Credits(decimal: "99")!))
        ledger.apply(SettleTopUp(of: user, "g", takenBack: .zero))
        #expect(ledger.parts(user) == ["10.00", "0.00", "0.00", "0.00", "0.00"])
        #expect(ledger.context(user).openGrants == 1 && ledger.brokenInvariants() == [])
    }

    @Test("A frozen grant is not drawn on, and what calls hold of it goes on")
    mutating func frozen() {
        let user = ledger.newUser()
        ledger.give(user, "10", priority: 1)
        let usage = ledger.hold(user, "4")
        ledger.apply(SettleTopUp(of: user, "g", isFrozen: true))
        #expect(ledger.available(user) == "25.00")
        let other = ledger.hold(user, "2", "other")
        #expect(ledger.draws(other) == [])
        ledger.capture(user, usage, "1")
        _ = ledger.commit(user, usage, success: false)
        #expect(ledger.parts(user) == ["9.00", "0.00", "1.00", "0.00", "0.00"])
        ledger.apply(SettleTopUp(of: user, "g", isFrozen: false))
        #expect(ledger.available(user) == "32.00" && ledger.brokenInvariants() == [])
    }

    @Test("A grant is not drawn on before it begins")
    mutating func notYet() {
        let user = ledger.newUser()
        ledger.give(user, "10", from: 3600)
        #expect(ledger.available(user) == "25.00" && ledger.context(user).openGrants == 1)
        ledger.advance(seconds: 3600)
        #expect(ledger.available(user) == "35.00")
    }

    @Test("Who may not spend may not spend what they bought either")
    mutating func inactive() {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: .plus(TestLedger.plus, .pastDue)))
        ledger.give(user, "10", "bought", source: .topUp, isPaid: true)
        ledger.advance(days: 34)
        guard case .denied(.subscriptionInactive, _) = ledger.validate(user) else {
            Issue.record("an inactive subscription was let in")
            return
        }
        #expect(ledger.parts(user, "bought")[0] == "10.00")
    }

    @Test("An adjustment takes away no more than remains, whatever is held or used")
    mutating func adjustment() {
        let user = ledger.newUser()
        ledger.give(user, "10", priority: 90)
        _ = ledger.commit(user, ledger.reserve(user, "used"))
        _ = ledger.reserve(user, "held")
        func adjust(_ credits: String) -> AdjustCredits {
            AdjustCredits(
                userID: user, credits: Credits(decimal: credits)!, reason: "x", cause: credits)
        }
        #expect(ledger.apply(adjust("-23.000001")) == .wouldBeNegative)
        guard case .adjusted = ledger.apply(adjust("-23")) else {
            Issue.record("what remains could not be taken")
            return
        }
        #expect(ledger.apply(adjust("-0.000001")) == .wouldBeNegative)
        // What has lapsed is there again.
        ledger.advance(seconds: 900)
        guard case .adjusted = ledger.apply(adjust("-1")) else {
            Issue.record("what had lapsed could not be taken")
            return
        }
        #expect(ledger.available(user) == "10.00" && ledger.brokenInvariants() == [])
    }

    @Test("Once an end was written down, no decision by a clock behind is before it")
    mutating func endedByClockAhead() {
        let user = ledger.newUser()
        ledger.give(user, "3", until: 60)
        let usage = ledger.hold(user, "2")
        let right = ledger.now
        ledger.advance(seconds: 61)
        ledger.apply(SettleAccount(userID: user))
        let end = ledger.grant(user).expiresAt!
        #expect(ledger.context(user).decidedAt == end)
        ledger.now = right
        _ = ledger.commit(user, usage, success: false)
        #expect(ledger.parts(user) == ["0.00", "0.00", "0.00", "3.00", "0.00"])
        #expect(ledger.available(user) == "25.00" && ledger.brokenInvariants() == [])
    }

    @Test(
        "So it is with the end of a bought grant that its payment finds", arguments: [false, true])
    mutating func endedOfPayment(isKnown: Bool) {
        let user = ledger.newUser()
        let payment = SettleTopUp(
            userID: user, cause: "pack", credits: one, validDays: 1, isPaid: true,
            takenBack: .zero, isFrozen: false, randomness: 1)
        ledger.apply(payment)
        let before = ledger.context(user).decidedAt
        ledger.advance(days: isKnown ? 2 : 0)
        ledger.apply(payment)
        let end = ledger.grant(user, "pack").expiresAt!
        #expect(ledger.context(user).decidedAt == (isKnown ? end : before))
    }
}
