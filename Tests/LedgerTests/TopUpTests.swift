import Foundation
import Ledger
import Testing
import Values

@Suite("A bought grant follows its payment")
struct TopUpTests {
    private static func settling(
        _ user: UUID, takenBack: String = "0", isFrozen: Bool = false, days: Int64? = nil,
        cause: String = "pack 1", token: Int64? = nil
    ) -> SettleTopUp {
        SettleTopUp(
            userID: user, cause: cause, credits: Credits(decimal: "100")!, validDays: days,
            isPaid: true, takenBack: Credits(decimal: takenBack)!, isFrozen: isFrozen,
            token: token.map { FencingToken(subscriptionID: "cs_1", number: $0) }, randomness: 1)
    }

    private func change(_ outcome: SettleTopUp.Outcome) throws -> SettleTopUp.Change {
        guard case .applied(let change) = outcome else {
            Issue.record("\(outcome)")
            throw CancellationError()
        }
        return change
    }

    @Test("However often a payment is heard of, it grants once, and a pack of its own each")
    func once() throws {
        var ledger = TestLedger()
        let user = ledger.newUser()
        let first = try change(ledger.apply(Self.settling(user, days: 30)))
        #expect(first.isNew && first.grant.source == .topUp && first.grant.isPaid)
        #expect(first.grant.expiresAt == TestLedger.start.adding(seconds: 30 * 86_400))
        ledger.advance(days: 3)
        for _ in 0..<3 {
            let again = try change(ledger.apply(Self.settling(user, days: 30)))
            #expect(!again.isNew && again.grant == first.grant)
        }
        let other = try change(ledger.apply(Self.settling(user, cause: "pack 2")))
        #expect(other.isNew && other.grant.expiresAt == nil)
        #expect(ledger.accounts[user]?.grants.count == 2)
        #expect(ledger.brokenInvariants().isEmpty)
    }

    @Test("What is taken back is a total: the same again takes nothing, less gives back")
    func total() throws {
        var ledger = TestLedger()
        let user = ledger.newUser()
        _ = ledger.apply(Self.settling(user))
        for (total, left) in [("30", "70.00"), ("30", "70.00"), ("100", "0.00"), ("0", "100.00")] {
            let change = try change(ledger.apply(Self.settling(user, takenBack: total)))
            #expect(change.grant.remaining.decimal == left)
        }
        // A refund that was heard of before the purchase itself.
        let late = try change(ledger.apply(Self.settling(user, takenBack: "40", cause: "pack 2")))
        #expect(late.isNew && late.takenBackBefore == .zero)
        #expect(late.grant.remaining.decimal == "60.00")
        // More than there is takes all of it, and no more.
        let all = try change(ledger.apply(Self.settling(user, takenBack: "900", cause: "pack 2")))
        #expect(all.grant.remaining == .zero && all.grant.takenBack.decimal == "100.00")
    }

    @Test("A frozen grant is not drawn on, and is free again")
    func frozen() throws {
        var ledger = TestLedger()
        let user = ledger.newUser()
        let frozen = try change(ledger.apply(Self.settling(user, isFrozen: true)))
        #expect(frozen.grant.drawable(at: TestLedger.start) == .zero)
        let free = try change(ledger.apply(Self.settling(user)))
        #expect(free.grant.drawable(at: TestLedger.start).decimal == "100.00")
    }

    @Test("An older fetch than the last applied one writes nothing")
    func fencing() {
        var ledger = TestLedger()
        let user = ledger.newUser()
        let position = Position(
            clock: TestLedger.start, user: .active, account: ledger.accounts[user], log: nil,
            overdue: [], wasGranted: false, appliedToken: 5)
        for (number, isApplied) in [(4, false), (5, true), (6, true)] as [(Int64, Bool)] {
            let decision = Self.settling(user, token: number)
                .decide(position, TestLedger.rules, at: TestLedger.start)
            #expect((decision.outcome == .outOfDate) == !isApplied)
            #expect((decision.account?.grants.isEmpty == true) == !isApplied)
            #expect((decision.token?.number == number) == isApplied)
        }
        let nobody = Position(
            clock: TestLedger.start, user: .missing, account: nil, log: nil, overdue: [],
            wasGranted: false)
        let decision = Self.settling(user).decide(nobody, TestLedger.rules, at: TestLedger.start)
        #expect(decision.outcome == .noAccount)
    }

    @Test("Whether somebody may buy is whether validate would let them spend")
    func entitlement() {
        var ledger = TestLedger()
        let user = ledger.newUser()
        let now = ledger.apply(AskEntitlement(userID: user))
        ledger.advance(days: 400)
        // The free month that is due would begin with the next call.
        let later = ledger.apply(AskEntitlement(userID: user))
        let nobody = ledger.apply(AskEntitlement(userID: UUID()))
        #expect(now && later && !nobody)
    }
}
