import Foundation
import Ledger
import Testing
import Values

@Suite("A call tells why it was charged what it was charged")
struct CallExplanationTests {
    var ledger = TestLedger()

    private func credits(_ text: String) -> Credits { Credits(decimal: text)! }

    private func explain(_ usage: UUID, plan: Plan = TestLedger.free) -> CallExplanation {
        var circumstances = CallExplanation.Circumstances()
        let log = ledger.logs[usage]!
        circumstances.plan = (plan.id, plan.name)
        circumstances.revision = ledger.rules.catalog.revision
        circumstances.terms = ledger.rules.catalog.terms(of: log.featureKey, on: plan)
        let steps = ledger.steps.values.filter { $0.key.usageID == usage }
        return CallExplanation(
            log, steps.sorted { ($0.at, $0.key.name) < ($1.at, $1.key.name) }, circumstances,
            at: ledger.now)
    }

    private func told(_ usage: UUID) -> [String] {
        explain(usage).timeline.map { "\($0.kind.rawValue) \($0.credits.decimal)" }
    }

    private mutating func succeed(_ user: UUID, _ usage: UUID, _ amount: String? = nil) {
        ledger.apply(
            CommitUsage(
                userID: user, usageID: usage, result: .success, metrics: UsageLog.Metrics(),
                credits: amount.map(credits)))
    }

    @Test("A plain call: held, settled, its price and what could be spent before and after")
    mutating func plain() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user, "a", feature: "words")
        #expect(explain(usage).sentence == "This call is running: it holds 0.50 credits.")
        succeed(user, usage)
        #expect(told(usage) == ["held 0.50", "settled 0.50"])
        let call = explain(usage)
        #expect(
            call.sentence
                == "This call succeeded and cost 0.50 credits, the price of words (0.50) on Free.")
        #expect(
            call.log.balances == UsageLog.Balances(before: credits("25"), after: credits("24.5")))
        #expect(call.timeline.first?.name == "a")
    }

    @Test("Every step stands in its order, and their sums are what was held and charged")
    mutating func steps() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        ledger.advance(seconds: 1)
        ledger.apply(
            ExtendHold(
                userID: user, usageID: usage, extensionID: "more", holdSeconds: 60,
                raise: .by(credits("1.5"))))
        ledger.advance(seconds: 1)
        ledger.apply(
            CaptureUsage(
                userID: user, usageID: usage, captureID: "part", part: .credits(credits("0.75"))))
        ledger.advance(seconds: 1)
        succeed(user, usage, "1")
        #expect(
            told(usage) == [
                "held 1.00", "extended 1.50", "captured 0.75", "settled 1.00", "released 0.75",
            ])
        #expect(explain(usage).timeline.map(\.name) == ["r", "more", "part", nil, nil])
        #expect(
            explain(usage).sentence.hasSuffix("cost 1.75 credits on Free; 0.75 it held went back."))
    }

    @Test("A failed, a stopped and a forgotten call cost nothing, or their parts")
    mutating func ends() {
        let user = ledger.newUser()
        let failed = ledger.reserve(user, "a")
        _ = ledger.commit(user, failed, success: false)
        #expect(told(failed) == ["held 1.00", "failed 1.00"])
        #expect(explain(failed).sentence == "This call failed, so it cost nothing.")
        let stopped = ledger.reserve(user, "b")
        ledger.apply(
            CaptureUsage(
                userID: user, usageID: stopped, captureID: "c", part: .credits(credits("0.25"))))
        ledger.apply(CancelUsage(userID: user, usageID: stopped))
        #expect(told(stopped) == ["held 1.00", "captured 0.25", "canceled 0.75"])
        #expect(explain(stopped).sentence.hasPrefix("This call was stopped; the part"))
        let forgotten = ledger.reserve(user, "c")
        ledger.advance(seconds: 900)
        // Nobody has written it down yet.
        #expect(told(forgotten) == ["held 1.00", "expired 1.00"])
        #expect(explain(forgotten).log.balances.after == nil)
        ledger.apply(SettleAccount(userID: user))
        #expect(explain(forgotten).log.balances.after == credits("24.75"))
    }

    @Test("Over-use is told apart from the hold, and what was not charged is not owed")
    mutating func overuse() {
        let feature = FeatureCostConfig(
            featureKey: "match", productType: "career", internalCost: credits("1"),
            overuse: .ifAvailable, lateCommitSeconds: 60)
        ledger.rules = LedgerRules(
            catalog: try! Catalog(
                revision: 2, plans: [TestLedger.free, TestLedger.plus, TestLedger.pro],
                features: [feature]), reservationTTL: 900, pastDueGrace: 0)
        let user = ledger.newUser()
        let usage = ledger.reserve(user, "a")
        succeed(user, usage, "30")
        #expect(told(usage) == ["held 1.00", "overused 24.00", "settled 25.00"])
        #expect(explain(usage).sentence.hasSuffix("it took 5.00 more, which you do not owe."))
        let other = ledger.newUser()
        let late = ledger.reserve(other, "b")
        ledger.advance(seconds: 930)
        succeed(other, late, "0.5")
        #expect(told(late) == ["held 1.00", "expired 1.00", "settled 0.50"])
        #expect(explain(late).sentence.hasPrefix("This call succeeded late and cost 0.50"))
    }

    @Test("Over-use of a call that held by announced tokens is told apart from its hold")
    mutating func announcedOveruse() {
        let million = credits("1000000")
        let feature = FeatureCostConfig(
            featureKey: "match", productType: "career", internalCost: .zero,
            tokenPrices: [TokenPrice(model: "m", input: million, output: million)],
            defaultHold: credits("5"), overuse: .ifAvailable)
        ledger.rules = LedgerRules(
            catalog: try! Catalog(
                revision: 2, plans: [TestLedger.free, TestLedger.plus, TestLedger.pro],
                features: [feature]), reservationTTL: 900, pastDueGrace: 0)
        let user = ledger.newUser()
        let outcome = ledger.apply(
            ValidateUsage(
                key: IdempotencyKey(userID: user, requestID: "a", payloadHash: "0"),
                featureKey: "match",
                call: UsageLog.Call(
                    endpoint: "/", method: "POST", maxOutputTokens: 2, model: "m", inputTokens: 1),
                randomness: 1))
        guard case .granted(let grant, _) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        ledger.apply(
            CommitUsage(
                userID: user, usageID: grant.usageID, result: .success,
                metrics: UsageLog.Metrics(inputTokens: 1, outputTokens: 6)))
        #expect(told(grant.usageID) == ["held 3.00", "overused 4.00", "settled 7.00"])
        #expect(explain(grant.usageID).log.creditsReserved == credits("7"))
    }

    @Test("What lapses tells what was left then, not what the next call has left")
    mutating func lapsed() {
        let user = ledger.newUser()
        let forgotten = ledger.reserve(user, "a")
        ledger.advance(seconds: 900)
        let next = ledger.reserve(user, "b")
        #expect(ledger.logs[forgotten]?.balances.after == credits("25"))
        #expect(ledger.logs[next]?.balances.before == credits("25"))
    }

    @Test("A child and its parent name each other")
    mutating func family() {
        let user = ledger.newUser()
        let run = ledger.reserve(user, "a")
        let outcome = ledger.apply(
            ValidateUsage(
                key: IdempotencyKey(userID: user, requestID: "b", payloadHash: "0"),
                featureKey: "words", call: UsageLog.Call(endpoint: "/", method: "POST"),
                parent: run, randomness: 1))
        guard case .granted(let child, _) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        succeed(user, child.usageID)
        succeed(user, run, "0.25")
        #expect(told(run) == ["held 1.00", "settled 0.25", "released 0.25"])
        #expect(
            explain(run).sentence.hasSuffix("; 0.50 it held went to calls that it started."))
        #expect(
            explain(child.usageID).sentence.hasSuffix("paid out of the hold of call \(run.text)."))
        #expect(
            explain(child.usageID).log.balances
                == UsageLog.Balances(before: credits("24"), after: credits("24")))
    }

    @Test("Terms that do not reproduce what was held are not told of")
    mutating func otherTerms() {
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        succeed(user, usage)
        let half = TestLedger.plan(
            2, "Half", .paid, price: 1, credits: "1", minute: nil, day: nil, multiplier: "0.5")
        #expect(explain(usage).terms != nil && explain(usage, plan: half).terms == nil)
    }
}
