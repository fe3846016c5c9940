import Foundation
import Ledger
import Testing
import Values

@Suite("Users limit what they spend")
struct SpendingLimitTests {
    /// 31 January, noon: the day and the month have twelve hours left.
    var ledger = TestLedger()
    private let noon: Int64 = 43_200

    private func credits(_ text: String) -> Credits { Credits(decimal: text)! }

    @discardableResult
    private mutating func limit(
        _ user: UUID, day: String? = nil, month: String? = nil, alertAt: [Int64] = [50, 80, 100]
    ) -> [String] {
        let limits = SpendingLimits(
            daily: day.map(credits), monthly: month.map(credits), alertAt: alertAt)
        return spent(ledger.apply(SetSpendingLimits(userID: user, limits: limits)))
    }

    private func spent(_ standing: SpendingStanding) -> [String] {
        guard case .stands(_, let day, let month) = standing else { return [] }
        return [day.decimal, month.decimal]
    }

    private mutating func spent(_ user: UUID) -> [String] {
        spent(ledger.apply(ReadSpendingLimits(userID: user)))
    }

    private mutating func refusal(_ user: UUID, _ request: String) -> SpendingRefusal? {
        guard case .denied(.spendingLimitReached(let refusal), _) = ledger.validate(user, request)
        else { return nil }
        return refusal
    }

    private mutating func spend(_ user: UUID, _ request: String) {
        let usage = ledger.reserve(user, request)
        _ = ledger.commit(user, usage)
    }

    private mutating func capture(_ user: UUID, _ usage: UUID, _ amount: String) -> HoldOutcome {
        ledger.apply(
            CaptureUsage(
                userID: user, usageID: usage, captureID: amount, part: .credits(credits(amount))))
    }

    private mutating func extend(
        _ user: UUID, _ usage: UUID, seconds: Int64? = nil, _ more: String? = nil
    ) -> HoldOutcome {
        ledger.apply(
            ExtendHold(
                userID: user, usageID: usage, extensionID: UUID().uuidString,
                holdSeconds: seconds, raise: more.map { .by(credits($0)) }))
    }

    /// Features whose over-use is taken and whose commits may come late.
    private mutating func useGenerousTerms() {
        let feature = FeatureCostConfig(
            featureKey: "match", productType: "career", internalCost: credits("1"),
            overuse: .ifAvailable, lateCommitSeconds: 86_400)
        ledger.rules = LedgerRules(
            catalog: try! Catalog(
                revision: 2, plans: [TestLedger.free, TestLedger.plus, TestLedger.pro],
                features: [feature]), reservationTTL: 900, pastDueGrace: 0)
    }

    @Test("What was captured, what is held and the price are at most the limit, to the last credit")
    mutating func exactly() {
        let user = ledger.newUser()
        limit(user, day: "3")
        spend(user, "a")
        _ = ledger.reserve(user, "b")
        _ = ledger.reserve(user, "c")
        #expect(
            refusal(user, "d")
                == SpendingRefusal(
                    window: .day, used: credits("3"), limit: credits("3"), needed: credits("1"),
                    retryAfter: noon))
        limit(user, day: "4.0")
        #expect(refusal(user, "d") == nil && refusal(user, "e")?.used.decimal == "4.00")
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A day and a month begin anew in UTC; of two full windows the later end is told")
    mutating func windows() {
        ledger.advance(days: -20)
        let other = ledger.newUser()
        limit(other, day: "1", month: "2")
        spend(other, "a")
        #expect(refusal(other, "b")?.window == .day)
        ledger.advance(seconds: noon - 1)
        #expect(refusal(other, "b")?.retryAfter == 1)
        ledger.advance(seconds: 1)
        spend(other, "b")
        #expect(spent(other) == ["1.00", "2.00"])
        let full = refusal(other, "c")
        #expect(full?.window == .month && full?.retryAfter == 20 * 86_400)
        ledger.advance(days: 20)
        #expect(spent(other) == ["0.00", "0.00"] && refusal(other, "c") == nil)
    }

    @Test("The limits are judged after the quota, and a replay is not judged by them")
    mutating func order() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user, "open")
        limit(user, day: "0")
        ledger.apply(
            AdjustCredits(userID: user, credits: credits("-24"), reason: "x", cause: "1"))
        guard case .denied(.quotaExceeded, _) = ledger.validate(user, "new") else {
            Issue.record("not the quota")
            return
        }
        guard case .granted(let grant, _) = ledger.validate(user, "open") else {
            Issue.record("no replay")
            return
        }
        #expect(grant.isReplay && grant.usageID == usage)
    }

    @Test("A limit of nothing stops all, calls that cost nothing too")
    mutating func nothing() {
        let free = TestLedger.plan(
            1, "Free", .free, price: 0, credits: "25", minute: 10, day: 100, multiplier: "0")
        ledger.rules = .testing([free, TestLedger.plus, TestLedger.pro])
        let user = ledger.newUser()
        limit(user, month: "0")
        #expect(refusal(user, "a")?.needed == .zero)
        limit(user, month: "0.000001")
        #expect(refusal(user, "a") == nil)
    }

    @Test("A lowered limit stops the next call and not the running one")
    mutating func lowered() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user, "a")
        limit(user, day: "0.5")
        #expect(refusal(user, "b") != nil)
        guard case .applied(.success, let charged, _, _, _, _) = ledger.commit(user, usage) else {
            Issue.record("not applied")
            return
        }
        #expect(charged == credits("1") && spent(user) == ["1.00", "1.00"])
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A raise by nothing spends nothing, and no lowered limit refuses it")
    mutating func raiseByNothing() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user, "a")
        limit(user, day: "0.5")
        let outcome = ledger.apply(
            ExtendHold(
                userID: user, usageID: usage, extensionID: "e", holdSeconds: 900,
                raise: .to(
                    AnnouncedUsage(
                        model: nil, inputTokens: 1, inputChars: nil, maxOutputTokens: 1))))
        guard case .done(let state, isReplay: false, _) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(state.creditsReserved == credits("1"))
    }

    @Test("What is held by a period that is over counts until it ends, and what lapsed does not")
    mutating func formerPeriod() {
        let user = ledger.newUser()
        ledger.advance(days: 27, seconds: noon * 2 - 60)
        let usage = ledger.reserve(user, "old")
        limit(user, month: "1.5")
        // The free month is over, the hold is not.
        ledger.advance(seconds: 120)
        #expect(refusal(user, "new")?.used.decimal == "1.00")
        #expect(ledger.context(user).reserved == .zero)
        ledger.advance(seconds: 900)
        #expect(refusal(user, "new") == nil)
        #expect(ledger.logs[usage]?.status == .expired && ledger.brokenInvariants() == [])
    }

    @Test("A raise is judged by the limits, time alone is not, and a refused one changes nothing")
    mutating func raises() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user, "a")
        limit(user, day: "2")
        guard
            case .refused(.spendingLimitReached(let refusal), let state) =
                extend(user, usage, seconds: 60, "1.000001")
        else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.used == credits("1") && state.creditsReserved == credits("1"))
        limit(user, day: "0")
        guard case .done = extend(user, usage, seconds: 600) else {
            Issue.record("time alone was refused")
            return
        }
        limit(user, day: "2")
        guard case .done = extend(user, usage, "1") else {
            Issue.record("what the limit allows was refused")
            return
        }
    }

    @Test("Over-use is taken as far as the limits allow; the rest is noted")
    mutating func overuse() {
        useGenerousTerms()
        let user = ledger.newUser()
        _ = ledger.reserve(user, "other")
        let usage = ledger.reserve(user, "a")
        limit(user, day: "4")
        let outcome = ledger.apply(
            CommitUsage(
                userID: user, usageID: usage, result: .success, metrics: UsageLog.Metrics(),
                credits: credits("10")))
        guard case .applied(.success, let charged, _, _, let notCharged, _) = outcome else {
            Issue.record("not applied")
            return
        }
        #expect([charged.decimal, notCharged.decimal] == ["3.00", "7.00"])
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A late commit is charged as far as the limits allow, when it is charged")
    mutating func late() {
        useGenerousTerms()
        let user = ledger.newUser()
        let usage = ledger.reserve(user, "a")
        limit(user, day: "0.25")
        ledger.advance(seconds: 1000)
        guard
            case .applied(.success, let charged, _, _, let notCharged, isLate: true) =
                ledger.commit(user, usage)
        else {
            Issue.record("not applied")
            return
        }
        #expect([charged.decimal, notCharged.decimal] == ["0.25", "0.75"])
        #expect(spent(user) == ["0.25", "0.25"] && ledger.brokenInvariants() == [])
    }

    @Test("What was captured before the first limit counts, each part on its day")
    mutating func partsBefore() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user, "a")
        _ = capture(user, usage, "0.25")
        _ = extend(user, usage, seconds: 900)
        ledger.advance(seconds: 800)
        _ = extend(user, usage, seconds: 900)
        for _ in 0..<54 {
            ledger.advance(seconds: 800)
            _ = extend(user, usage, seconds: 890)
        }
        // It is past midnight, and the first of February.
        _ = capture(user, usage, "0.5")
        #expect(limit(user, day: "10", month: "10") == ["0.50", "0.50"])
        _ = ledger.commit(user, usage)
        #expect(spent(user) == ["0.75", "0.75"] && ledger.brokenInvariants() == [])
    }

    @Test("An account without limits counts nothing, also once they are taken off")
    mutating func without() {
        let user = ledger.newUser()
        spend(user, "a")
        #expect(ledger.context(user).brakes == nil && spent(user) == ["1.00", "1.00"])
        limit(user, day: "5")
        #expect(ledger.context(user).brakes != nil)
        limit(user)
        spend(user, "b")
        #expect(ledger.context(user).brakes == nil && spent(user) == ["2.00", "2.00"])
        #expect(ledger.apply(ReadSpendingLimits(userID: UUID())) == .noSubscription)
    }

    @Test("A failed call, a refused one and a repetition count nothing")
    mutating func silence() {
        let user = ledger.newUser()
        limit(user, day: "2")
        let failed = ledger.reserve(user, "a")
        _ = ledger.commit(user, failed, success: false)
        let usage = ledger.reserve(user, "b")
        _ = ledger.commit(user, usage)
        _ = ledger.commit(user, usage)
        #expect(spent(user) == ["1.00", "1.00"] && ledger.brokenInvariants() == [])
    }

    @Test("An account that is brought back from the future keeps counting what it spent")
    mutating func broughtBack() {
        let user = ledger.newUser()
        limit(user, day: "2")
        let there = ledger.now
        ledger.advance(days: 40)
        spend(user, "a")
        ledger.now = there
        ledger.apply(ResetClock(userID: user, reason: "x"))
        #expect(spent(user) == ["1.00", "1.00"])
        #expect(refusal(user, "b") == nil && refusal(user, "c") != nil)
    }
}
