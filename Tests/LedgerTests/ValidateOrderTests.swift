import Foundation
import Ledger
import Testing
import Values

@Suite("What validate judges, and in which order")
struct ValidateOrderTests {
    var ledger = TestLedger()
    let day: Int64 = 86_400

    private func denial(_ outcome: ValidateUsage.Outcome) -> ValidateUsage.Denial? {
        if case .denied(let denial, _) = outcome { return denial }
        return nil
    }

    private mutating func limit(minute: Int64?, day: Int64?) {
        ledger.rules = .testing([
            TestLedger.plan(
                1, "Free", .free, price: 0, credits: "25", minute: minute, day: day),
            TestLedger.plus, TestLedger.pro,
        ])
    }

    private mutating func adjust(_ user: UUID, _ credits: String, _ cause: String = "1") {
        ledger.apply(
            AdjustCredits(
                userID: user, credits: Credits(decimal: credits)!, reason: "x", cause: cause))
    }

    @Test("A full UTC day refuses new calls and replays alike, until midnight")
    mutating func fullDay() {
        limit(minute: nil, day: 3)
        let user = ledger.newUser()
        for number in 0..<3 {
            _ = ledger.reserve(user, "r\(number)")
            ledger.advance(seconds: 3600)
        }
        // It is 15:00.
        #expect(denial(ledger.validate(user, "new")) == .rateLimited(retryAfter: 9 * 3600))
        #expect(denial(ledger.validate(user, "r2")) == .rateLimited(retryAfter: 9 * 3600))
        ledger.advance(seconds: 9 * 3600 - 1)
        #expect(denial(ledger.validate(user, "new")) == .rateLimited(retryAfter: 1))
        ledger.advance(seconds: 1)
        #expect(denial(ledger.validate(user, "new")) == nil)
        #expect(ledger.context(user).dayWindow.count == 1)
    }

    @Test("With both windows full, the later end tells when to come back")
    mutating func bothFull() {
        limit(minute: 2, day: 2)
        let user = ledger.newUser()
        for number in 0..<2 { _ = ledger.reserve(user, "r\(number)") }
        #expect(denial(ledger.validate(user, "new")) == .rateLimited(retryAfter: day / 2))
        // In the day's last minute both end together.
        ledger.advance(seconds: day / 2)
        ledger.advance(seconds: day - 30)
        for number in 2..<4 { _ = ledger.reserve(user, "r\(number)") }
        #expect(denial(ledger.validate(user, "late")) == .rateLimited(retryAfter: 30))
    }

    @Test("A window without a limit refuses nothing, and nothing is told of it")
    mutating func unlimited() {
        limit(minute: 5, day: nil)
        let user = ledger.newUser()
        guard case .granted(_, let limits) = ledger.validate(user, "first") else {
            Issue.record("not granted")
            return
        }
        #expect(limits.map(\.span) == [.minute] && limits.map(\.limit) == [5])
        for number in 0..<20 {
            ledger.advance(seconds: 60)
            #expect(denial(ledger.validate(user, "r\(number)")) == nil)
        }
        #expect(ledger.context(user).dayWindow.count == 21)
    }

    @Test("Without an entitling subscription a full window is not spoken of")
    mutating func subscriptionFirst() {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: .plus()))
        ledger.advance(days: 33, seconds: -10)
        ledger.apply(ApplyBilling(userID: user, snapshot: .plus(TestLedger.plus, .pastDue)))
        for number in 0..<30 { _ = ledger.reserve(user, "r\(number)") }
        #expect(denial(ledger.validate(user, "new")) == .rateLimited(retryAfter: 10))
        // With a grace that is a day shorter both rules would refuse.
        ledger.rules = LedgerRules(
            catalog: ledger.rules.catalog, reservationTTL: 900, pastDueGrace: 2 * day)
        #expect(denial(ledger.validate(user, "new")) == .subscriptionInactive)
        #expect(denial(ledger.validate(user, "r0")) == .subscriptionInactive)
    }

    @Test("A known request is recognized though nothing is left to spend")
    mutating func idempotencyBeforeQuota() {
        let user = ledger.newUser()
        adjust(user, "-23")
        let (held, done) = (ledger.reserve(user, "held"), ledger.reserve(user, "done"))
        _ = ledger.commit(user, done)
        #expect(ledger.context(user).remaining == .zero)
        guard case .granted(let replay, _) = ledger.validate(user, "held") else {
            Issue.record("the replay was refused")
            return
        }
        #expect(replay.usageID == held && replay.isReplay)
        #expect(
            denial(ledger.validate(user, "done"))
                == .requestAlreadyFinished(usageID: done, .success))
        #expect(
            denial(ledger.validate(user, "held", feature: "words"))
                == .requestMismatch(usageID: held, .pending))
    }

    @Test(
        "Another feature is a mismatch, finished or not",
        arguments: [true, false, nil] as [Bool?])
    mutating func mismatchBeforeFinished(success: Bool?) {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        if let success { _ = ledger.commit(user, usage, success: success) }
        let status: UsageLog.Status = success.map { $0 ? .success : .failed } ?? .expired
        if success == nil { ledger.advance(seconds: 900) }
        #expect(
            denial(ledger.validate(user, feature: "words"))
                == .requestMismatch(usageID: usage, status))
        #expect(
            denial(ledger.validate(user)) == .requestAlreadyFinished(usageID: usage, status))
    }

    @Test("Out of credits, the wait is to the period's end; in the grace, to the grace's")
    mutating func retryAfterQuota() {
        let user = ledger.newUser()
        ledger.apply(ApplyBilling(userID: user, snapshot: .plus()))
        adjust(user, "-500")
        ledger.advance(days: 29)
        func wait(_ outcome: ValidateUsage.Outcome) -> Int64? {
            guard case .denied(.quotaExceeded(_, _, _, let seconds), _) = outcome else {
                return nil
            }
            return seconds
        }
        #expect(wait(ledger.validate(user)) == day)
        ledger.advance(days: 1, seconds: -1)
        #expect(wait(ledger.validate(user)) == 1)
        ledger.advance(seconds: 1)
        #expect(wait(ledger.validate(user)) == 3 * day)
        ledger.advance(days: 2)
        #expect(wait(ledger.validate(user)) == day)
    }

    @Test("A call that was granted is committed though its user was deactivated meanwhile")
    mutating func deactivatedMeanwhile() {
        let user = ledger.newUser()
        let (charged, freed) = (ledger.reserve(user, "charged"), ledger.reserve(user, "freed"))
        ledger.users[user] = .deactivated
        let one = Credits(decimal: "1")!
        #expect(
            ledger.commit(user, charged) == .applied(.success, charged: one, isReplay: false))
        #expect(
            ledger.commit(user, freed, success: false)
                == .applied(.failed, charged: .zero, isReplay: false))
        #expect(ledger.context(user).used == one && ledger.context(user).reserved == .zero)
    }

    @Test("Settling an account expires what is overdue and gives it back")
    mutating func settling() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        ledger.advance(seconds: 899)
        #expect(ledger.apply(SettleAccount(userID: user)).expired == 0)
        ledger.advance(seconds: 1)
        #expect(ledger.apply(SettleAccount(userID: user)).expired == 1)
        #expect(ledger.logs[usage]?.status == .expired)
        #expect(ledger.context(user).reserved == .zero)
        #expect(ledger.apply(SettleAccount(userID: user)).expired == 0)
        #expect(ledger.brokenInvariants().isEmpty)
    }
}
