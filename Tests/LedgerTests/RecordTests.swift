import Foundation
import Ledger
import Testing
import Values

@Suite("A call that ran unasked is told afterwards")
struct RecordTests {
    var ledger = TestLedger()

    private mutating func record(
        _ user: UUID, _ request: String = "r", feature: String = "match", ago: Int64 = 60,
        within: Int64 = 86_400, metrics: UsageLog.Metrics = UsageLog.Metrics()
    ) -> RecordUsage.Outcome {
        ledger.apply(
            RecordUsage(
                key: IdempotencyKey(userID: user, requestID: request, payloadHash: "0"),
                featureKey: feature, ranAt: ledger.now.adding(seconds: -ago), metrics: metrics,
                within: within, randomness: ledger.generator.next()))
    }

    private func told(_ outcome: RecordUsage.Outcome) -> CommitUsage.Outcome? {
        if case .told(_, let commit) = outcome { commit } else { nil }
    }

    /// What was charged and what was not; nil if it was not applied.
    private func charged(_ outcome: RecordUsage.Outcome) -> [String]? {
        guard case .applied(.success, let charged, _, _, let not, _) = told(outcome) else {
            return nil
        }
        return [charged.decimal, not.decimal]
    }

    private func used(_ user: UUID) -> [String] {
        let context = ledger.context(user)
        return [context.used.decimal, context.reserved.decimal]
    }

    @Test("It is charged once, whatever comes again")
    mutating func once() {
        let user = ledger.newUser()
        let first = record(user)
        #expect(charged(first) == ["1.00", "0.00"])
        guard case .told(let usage, _) = first else { return }
        let again = record(user, ago: 90_000)
        #expect(
            told(again)
                == .applied(.success, charged: Credits(decimal: "1")!, isReplay: true))
        #expect(used(user) == ["1.00", "0.00"])
        #expect(ledger.logs[usage]?.status == .success && ledger.logs.count == 1)
        #expect(
            ledger.commit(user, usage, success: false)
                == .refused(.success, charged: Credits(decimal: "1")!))
        guard case .denied(.requestAlreadyFinished(usage, .success), _) = ledger.validate(user)
        else {
            Issue.record("a request that was recorded runs again")
            return
        }
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("It is charged at most what can be drawn, and the rest is noted")
    mutating func atMost() {
        let user = ledger.newUser()
        for number in 0..<9 { _ = ledger.reserve(user, "held \(number)") }
        for number in 0..<16 { _ = record(user, "spent \(number)") }
        #expect(used(user) == ["16.00", "9.00"])
        #expect(charged(record(user, "more")) == ["0.00", "1.00"])
        #expect(used(user) == ["16.00", "9.00"])
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("Where validate had come after all, its hold is what is charged")
    mutating func held() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        guard case .told(usage, .applied(.success, _, isReplay: false, _, _, _)) = record(user)
        else {
            Issue.record("the hold was not committed")
            return
        }
        #expect(used(user) == ["1.00", "0.00"] && ledger.logs.count == 1)
        let other = ledger.reserve(user, "failed")
        _ = ledger.commit(user, other, success: false)
        #expect(told(record(user, "failed")) == .refused(.failed, charged: .zero))
        let late = ledger.reserve(user, "late")
        ledger.advance(seconds: 901)
        #expect(told(record(user, "late")) == .refused(.expired, charged: .zero))
        #expect(ledger.logs[late]?.status == .expired)
        #expect(ledger.brokenInvariants() == [])
    }

    @Test(
        "It must have run within the span, by the deciding clock",
        arguments: [
            (Int64(0), true), (86_400, true), (86_401, false), (-300, true), (-301, false),
        ])
    mutating func span(_ ago: Int64, _ isIn: Bool) {
        let user = ledger.newUser()
        #expect((record(user, ago: ago) == .notOfThisDay) != isIn)
        #expect(ledger.logs.count == (isIn ? 1 : 0))
    }

    @Test("A shorter span is the setting's")
    mutating func shorter() {
        let user = ledger.newUser()
        #expect(record(user, ago: 61, within: 60) == .notOfThisDay)
        #expect(charged(record(user, ago: 60, within: 60)) == ["1.00", "0.00"])
    }

    @Test("Nobody, no subscription, no feature, another feature: nothing is written")
    mutating func refused() {
        #expect(record(UUID()) == .unknownUser)
        let bare = UUID()
        ledger.users[bare] = .active
        #expect(record(bare) == .noSubscription)
        let user = ledger.newUser()
        #expect(record(user, feature: "nothing") == .unknownFeature)
        let usage = ledger.reserve(user)
        #expect(
            record(user, feature: "words") == .requestMismatch(usageID: usage, .pending))
        #expect(used(user) == ["0.00", "1.00"] && ledger.logs.count == 1)
    }

    @Test("Who was locked out meanwhile is charged: it ran")
    mutating func deactivated() {
        let user = ledger.newUser()
        ledger.users[user] = .deactivated
        #expect(charged(record(user)) == ["1.00", "0.00"])
    }

    @Test("A month that is over gives way to the next one first")
    mutating func newMonth() {
        let user = ledger.newUser()
        for number in 0..<25 { _ = record(user, "spent \(number)") }
        ledger.advance(days: 31)
        #expect(charged(record(user, "fresh")) == ["1.00", "0.00"])
        #expect(used(user) == ["1.00", "0.00"] && ledger.context(user).period.number == 2)
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("It counts towards the limits of calls, and is not refused by them")
    mutating func limits() {
        let user = ledger.newUser()
        for number in 0..<10 { _ = record(user, "\(number)") }
        #expect(charged(record(user, "eleventh")) == ["1.00", "0.00"])
        guard case .denied(.rateLimited, _) = ledger.validate(user, "asked") else {
            Issue.record("recorded calls do not count")
            return
        }
    }

    @Test("It is charged as far as the user's own limits allow, and they are told of it")
    mutating func ownLimits() {
        let user = ledger.newUser()
        _ = ledger.reserve(user, "held")
        let limits = SpendingLimits(
            daily: Credits(decimal: "2.5")!, monthly: nil, alertAt: [40, 100])
        ledger.apply(SetSpendingLimits(userID: user, limits: limits))
        guard case .applied(_, _, _, let alert, _, _) = told(record(user, "a")) else {
            Issue.record("not applied")
            return
        }
        #expect(alert?.limits.map(\.percent) == [40])
        #expect(charged(record(user, "b")) == ["0.50", "0.50"])
        #expect(charged(record(user, "c")) == ["0.00", "1.00"])
        #expect(used(user) == ["1.50", "1.00"])
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("A call that is known is judged by its own terms once its feature is gone")
    mutating func goneFeature() throws {
        let user = ledger.newUser()
        _ = ledger.reserve(user)
        let before = ledger.rules.catalog
        ledger.rules = LedgerRules(
            catalog: try Catalog(
                revision: 1, plans: before.plans,
                features: before.features.values.filter { $0.featureKey != "match" }),
            reservationTTL: 900, pastDueGrace: 3 * 86_400)
        #expect(charged(record(user)) == ["1.00", "0.00"])
        #expect(record(user, "new") == .unknownFeature)
    }
}
