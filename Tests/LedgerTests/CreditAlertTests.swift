import Foundation
import Ledger
import Testing
import Values

@Suite("Credits that are used up are told of")
struct CreditAlertTests {
    var ledger = TestLedger()

    /// Reserves and commits one credit.
    private mutating func spend(_ user: UUID, _ request: String) -> CreditAlert? {
        let usage = ledger.reserve(user, request)
        ledger.advance(seconds: 60)
        return alert(of: ledger.commit(user, usage))
    }

    private func alert(of outcome: CommitUsage.Outcome) -> CreditAlert? {
        guard case .applied(_, _, isReplay: false, let alert, _, _) = outcome else {
            Issue.record("not applied: \(outcome)")
            return nil
        }
        return alert
    }

    private mutating func adjust(_ user: UUID, _ credits: String, _ cause: String) {
        ledger.apply(
            AdjustCredits(
                userID: user, credits: Credits(decimal: credits)!, reason: "x", cause: cause))
    }

    @Test("The commit that reaches a mark tells of it, and no other does")
    mutating func marks() {
        let user = ledger.newUser()
        let marks = (1...25).map { spend(user, "r\($0)")?.mark?.percent }
        #expect(marks[19] == 80 && marks[24] == 100)
        #expect(marks.compactMap { $0 } == [80, 100])
        ledger.advance(days: 31)
        #expect((1...20).compactMap { spend(user, "next\($0)")?.mark?.percent } == [80])
    }

    @Test("It tells the figures of the period")
    mutating func figures() {
        let user = ledger.newUser()
        let alerts = (1...20).compactMap { spend(user, "r\($0)") }
        #expect(alerts.map(\.used.decimal) == ["20.00"])
        #expect(alerts.map(\.allocated.decimal) == ["25.00"])
        #expect(alerts.map(\.period) == [ledger.context(user).period])
    }

    @Test("A commit that passes both marks tells of the higher one alone")
    mutating func bothAtOnce() {
        let user = ledger.newUser()
        adjust(user, "-24", "1")
        #expect(spend(user, "r")?.mark == .usedUp)
    }

    @Test("A reservation, a failed call and a repeated commit tell of nothing")
    mutating func silence() {
        let user = ledger.newUser()
        adjust(user, "-24", "1")
        let failed = ledger.reserve(user, "failed")
        #expect(
            ledger.commit(user, failed, success: false)
                == .applied(.failed, charged: .zero, isReplay: false))
        let usage = ledger.reserve(user, "good")
        #expect(alert(of: ledger.commit(user, usage))?.mark == .usedUp)
        #expect(
            ledger.commit(user, usage)
                == .applied(.success, charged: Credits(decimal: "1")!, isReplay: true))
    }

    @Test("What is granted on top can be used up anew; taking away tells of nothing")
    mutating func changedGrants() {
        let user = ledger.newUser()
        adjust(user, "-23", "1")
        #expect(spend(user, "1") == nil)
        #expect(spend(user, "2")?.mark == .usedUp)
        adjust(user, "8", "2")
        #expect((3...8).compactMap { spend(user, "\($0)")?.mark } == [.nearlyUsedUp])
        adjust(user, "-1", "3")
        #expect(spend(user, "9")?.mark == .usedUp)
    }

    @Test("A commit of the period before says nothing of the running one")
    mutating func earlierPeriod() {
        let user = ledger.newUser()
        ledger.now = ledger.context(user).period.end.adding(seconds: -60)
        let usage = ledger.reserve(user)
        ledger.advance(seconds: 120)
        adjust(user, "-24", "1")
        #expect(
            ledger.commit(user, usage)
                == .applied(.success, charged: Credits(decimal: "1")!, isReplay: false))
    }
}
