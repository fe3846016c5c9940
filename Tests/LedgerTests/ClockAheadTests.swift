import Foundation
import Ledger
import Testing
import Values

@Suite("An account that a clock ahead decided on")
struct ClockAheadTests {
    /// Seconds by which a clock is ahead for one decision, from a little to years.
    static let leaps: [Int64] = [
        1, 59, 60, 61, 600, 899, 901, 3600, 7200, 43_200, 86_400, 90_000, 40 * 86_400, 366 * 86_400,
        20 * 366 * 86_400,
    ]
    /// At noon, a moment before midnight and a moment before a minute's end.
    static let instants = ["2026-01-31T12:00:00Z", "2026-02-28T23:59:59Z", "2026-03-01T00:00:59Z"]

    private func ledger(_ instant: String, minute: Int64?, day: Int64?) -> TestLedger {
        var ledger = TestLedger()
        ledger.now = Timestamp(rfc3339: instant)!
        let free = TestLedger.plan(
            1, "Free", .free, price: 0, credits: "25", minute: minute, day: day)
        ledger.rules = LedgerRules(
            catalog: try! Catalog(
                revision: 1, plans: [free, TestLedger.plus, TestLedger.pro],
                features: Array(TestLedger.rules.catalog.features.values)),
            reservationTTL: 900, pastDueGrace: 3 * 86_400)
        return ledger
    }

    private func refusal(_ outcome: ValidateUsage.Outcome) -> (code: String, seconds: Int64)? {
        switch outcome {
        case .denied(.rateLimited(let seconds), _): ("rate_limited", seconds)
        case .denied(.quotaExceeded(_, _, _, let seconds), _): ("quota_exceeded", seconds)
        default: nil
        }
    }

    @Test("No refusal outlives its Retry-After", arguments: leaps)
    func retryAfter(leap: Int64) {
        for instant in Self.instants {
            for (minute, day) in [(3, nil), (nil, 4), (2, 5), (nil, nil)] as [(Int64?, Int64?)] {
                var ledger = ledger(instant, minute: minute, day: day)
                let user = ledger.newUser()
                let right = ledger.now
                ledger.now = right.adding(seconds: leap)
                _ = ledger.validate(user, "ahead")
                ledger.now = right
                var asked = 0
                while refusal(ledger.validate(user, "r\(asked)")) == nil, asked < 60 { asked += 1 }
                guard let refused = refusal(ledger.validate(user, "again")) else {
                    Issue.record("nothing was refused")
                    continue
                }
                #expect(refused.seconds > 0)
                ledger.advance(seconds: refused.seconds)
                let after = refusal(ledger.validate(user, "later"))
                #expect(
                    after?.code != refused.code
                        || after?.code == "rate_limited" && minute != nil
                            && day != nil && after!.seconds > 60,
                    "\(instant) + \(leap): \(refused) and then \(String(describing: after))")
                #expect(ledger.brokenInvariants().isEmpty)
            }
        }
    }

    @Test(
        "A clock that was ahead fills no window for longer than clocks may differ", arguments: leaps
    )
    func windows(leap: Int64) {
        var ledger = ledger("2026-01-31T12:00:00Z", minute: 3, day: nil)
        let user = ledger.newUser()
        let right = ledger.now
        ledger.now = right.adding(seconds: leap)
        for number in 0..<3 { _ = ledger.reserve(user, "ahead \(number)") }
        ledger.now = right
        if let refused = refusal(ledger.validate(user, "now")) {
            #expect(refused.code == "rate_limited")
            #expect(leap <= RateWindow.maximumSkew + 60 && refused.seconds <= leap + 60)
        }
        ledger.advance(seconds: RateWindow.maximumSkew + 60)
        #expect(refusal(ledger.validate(user, "then")) == nil)
    }

    @Test("The windows of test calls come back with the account", arguments: leaps)
    func testWindows(leap: Int64) {
        var ledger = ledger("2026-01-31T12:00:00Z", minute: 2, day: nil)
        let user = ledger.newUser()
        ledger.newKey(1, of: user, limit: nil, isTest: true)
        let right = ledger.now
        ledger.now = right.adding(seconds: leap)
        #expect(ledger.call(user, key: 1, "a").usage != nil)
        #expect(ledger.call(user, key: 1, "b").usage != nil)
        ledger.now = right.adding(seconds: -1)
        ledger.apply(ResetClock(userID: user, reason: "a clock"))
        #expect(ledger.context(user).testWindows?.minute.start ?? .epoch <= ledger.now)
        #expect(ledger.call(user, key: 1, "c").usage != nil)
        #expect(ledger.brokenInvariants() == [])
    }

    @Test(
        "A reset brings the account back to the clock and keeps what was granted and used",
        arguments: leaps)
    func reset(leap: Int64) {
        var ledger = ledger("2026-01-31T12:00:00Z", minute: 3, day: 5)
        let user = ledger.newUser()
        let right = ledger.now
        ledger.now = right.adding(seconds: leap)
        for number in 0..<3 {
            _ = ledger.commit(user, ledger.reserve(user, "ahead \(number)"))
        }
        let before = ledger.context(user)
        ledger.now = right.adding(seconds: -1)
        guard
            case .reset(let from, _) = ledger.apply(ResetClock(userID: user, reason: "a clock"))
        else {
            Issue.record("no reset")
            return
        }
        let after = ledger.context(user)
        #expect(from == before.decidedAt && after.decidedAt == ledger.now)
        #expect(after.period.contains(ledger.now) || after.period == before.period)
        #expect(after.period.number == before.period.number)
        #expect(after.allocated == before.allocated && after.used == before.used)
        #expect(ledger.grants.count == Int(before.period.number))
        #expect(ledger.history.last?.event == "clock_reset")
        #expect(ledger.history.last?.reason == "a clock")
        #expect(refusal(ledger.validate(user, "now")) == nil)
        #expect(ledger.context(user).decidedAt == ledger.now)
        #expect(ledger.brokenInvariants().isEmpty)
        let again = ledger.apply(ResetClock(userID: user, reason: "twice"))
        #expect(again == .notInTheFuture)
    }

    @Test("A reservation that lapses moves the account no further than to its end")
    func expiry() {
        var ledger = TestLedger()
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        let end = ledger.logs[usage]!.expiresAt
        ledger.advance(days: 20)
        ledger.apply(SettleAccount(userID: user))
        #expect(ledger.logs[usage]?.status == .expired)
        #expect(ledger.context(user).decidedAt == end)
        #expect(ledger.context(user).reserved == .zero)
    }
}
