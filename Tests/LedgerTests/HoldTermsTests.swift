import Foundation
import Ledger
import Testing
import Values

@Suite("A feature with terms of its own")
struct HoldTermsTests {
    private static let start = TestLedger.start

    /// A ledger whose features are priced by tokens, taken when available, and committed late.
    private static func ledger(
        overuse: FeatureCostConfig.Overuse = .cap, late: Int64 = 0, maximum: Int64? = nil
    ) -> TestLedger {
        var ledger = TestLedger()
        let features = [
            FeatureCostConfig(
                featureKey: "match", productType: "career", internalCost: Credits(decimal: "1")!,
                maximumHoldSeconds: maximum, overuse: overuse, lateCommitSeconds: late),
            FeatureCostConfig(
                featureKey: "chat", productType: "career", internalCost: Credits(decimal: "0.1")!,
                tokenPrices: [
                    TokenPrice(
                        model: "m-*", input: Credits(decimal: "100")!,
                        output: Credits(decimal: "1000")!)
                ], defaultHold: Credits(decimal: "2")!),
        ]
        let catalog = try! Catalog(
            revision: 7, plans: [TestLedger.free, TestLedger.plus, TestLedger.pro],
            features: features)
        ledger.rules = LedgerRules(catalog: catalog, reservationTTL: 900, pastDueGrace: 0)
        return ledger
    }

    private func commit(
        _ ledger: inout TestLedger, _ user: UUID, _ usage: UUID, credits: String? = nil,
        metrics: UsageLog.Metrics = UsageLog.Metrics(), acceptedAt: Timestamp? = nil
    ) -> CommitUsage.Outcome {
        ledger.apply(
            CommitUsage(
                userID: user, usageID: usage, result: .success, metrics: metrics,
                credits: credits.map { Credits(decimal: $0)! }, acceptedAt: acceptedAt))
    }

    /// What was charged and what was not, whatever mail goes with it.
    private func charges(_ outcome: CommitUsage.Outcome) -> [String] {
        guard case .applied(.success, let charged, false, _, let notCharged, false) = outcome
        else { return [] }
        return [charged.decimal, notCharged.decimal]
    }

    @Test("Over-use is taken as far as the account has it, never beyond")
    func ifAvailable() {
        var ledger = Self.ledger(overuse: .ifAvailable)
        let user = ledger.newUser()
        let first = ledger.reserve(user, "a")
        #expect(charges(commit(&ledger, user, first, credits: "20")) == ["20.00", "0.00"])
        let second = ledger.reserve(user, "b")
        #expect(charges(commit(&ledger, user, second, credits: "20")) == ["5.00", "15.00"])
        #expect(ledger.context(user).used.decimal == "25.00")
        #expect(ledger.context(user).reserved == .zero && ledger.brokenInvariants() == [])
    }

    @Test("A late success is charged from what is there, once, and within its time only")
    func late() {
        for (seconds, isTaken) in [(900, true), (959, true), (960, false)] as [(Int64, Bool)] {
            var ledger = Self.ledger(late: 60)
            let user = ledger.newUser()
            let usage = ledger.reserve(user)
            ledger.advance(seconds: seconds)
            let one = Credits(decimal: "1")!
            let outcome = commit(&ledger, user, usage)
            if isTaken {
                #expect(outcome == .applied(.success, charged: one, isReplay: false, isLate: true))
                #expect(
                    commit(&ledger, user, usage)
                        == .applied(.success, charged: one, isReplay: true, isLate: true))
            } else {
                #expect(outcome == .refused(.expired, charged: .zero))
            }
            #expect(ledger.context(user).used == (isTaken ? one : .zero))
            #expect(ledger.brokenInvariants() == [])
        }
    }

    @Test("What is not there for a late success is noted and not owed, a late failure refused")
    func lateAndEmpty() {
        var ledger = Self.ledger(late: 600)
        let user = ledger.newUser()
        let (usage, failing) = (ledger.reserve(user, "a"), ledger.reserve(user, "b"))
        ledger.advance(seconds: 901)
        for number in 0..<9 { _ = ledger.reserve(user, "\(number)") }
        ledger.advance(seconds: 60)
        for number in 9..<18 { _ = ledger.reserve(user, "\(number)") }
        ledger.advance(seconds: 60)
        for number in 18..<25 { _ = ledger.reserve(user, "\(number)") }
        #expect(ledger.context(user).reserved.decimal == "25.00")
        #expect(
            commit(&ledger, user, usage)
                == .applied(
                    .success, charged: .zero, isReplay: false, notCharged: Credits(decimal: "1")!,
                    isLate: true))
        #expect(ledger.commit(user, failing, success: false) == .refused(.expired, charged: .zero))
        #expect(ledger.brokenInvariants() == [])
    }

    @Test("Usage of a period that is over is not charged to the next one")
    func lateAcrossPeriods() {
        var ledger = Self.ledger(late: 86_400)
        let user = ledger.newUser()
        ledger.advance(days: 28, seconds: -60)
        let usage = ledger.reserve(user)
        ledger.advance(seconds: 1000)
        #expect(commit(&ledger, user, usage) == .refused(.expired, charged: .zero))
        _ = ledger.reserve(user, "new")
        #expect(commit(&ledger, user, usage) == .refused(.expired, charged: .zero))
        #expect(ledger.context(user).used == .zero)
    }

    @Test("A hold lasts as long as was asked, up to the feature's maximum; none asks for less")
    func seconds() {
        func hold(_ seconds: Int64?, maximum: Int64?) -> Int64? {
            var ledger = Self.ledger(maximum: maximum)
            let user = ledger.newUser()
            let outcome = ledger.apply(
                ValidateUsage(
                    key: IdempotencyKey(userID: user, requestID: "r", payloadHash: "0"),
                    featureKey: "match", call: UsageLog.Call(endpoint: "/", method: "POST"),
                    holdSeconds: seconds, randomness: 1))
            switch outcome {
            case .granted(let grant, _): return grant.expiresAt.seconds - Self.start.seconds
            case .holdTooLong(let maximum): return -maximum
            default: return nil
            }
        }
        #expect(hold(nil, maximum: nil) == 900 && hold(901, maximum: nil) == -900)
        #expect(hold(nil, maximum: 60) == 60 && hold(61, maximum: 60) == -60)
        #expect(hold(nil, maximum: 7200) == 900 && hold(7200, maximum: 7200) == 7200)
        #expect(hold(1, maximum: 60) == 1)
    }

    @Test("Tokens are held by what is announced, charged by what was used, parts as the whole")
    func tokens() {
        var ledger = Self.ledger()
        let user = ledger.newUser()
        let outcome = ledger.apply(
            ValidateUsage(
                key: IdempotencyKey(userID: user, requestID: "r", payloadHash: "0"),
                featureKey: "chat",
                call: UsageLog.Call(
                    endpoint: "/", method: "POST", maxOutputTokens: 2000, model: "m-1",
                    inputTokens: 10_000), randomness: 1))
        guard case .granted(let grant, _) = outcome else {
            Issue.record("refused: \(outcome)")
            return
        }
        #expect(grant.creditsReserved.decimal == "3.00")
        let part = UsageLog.Metrics(modelUsed: "m-1", inputTokens: 10_000, outputTokens: 500)
        let captured = ledger.apply(
            CaptureUsage(
                userID: user, usageID: grant.usageID, captureID: "1", part: .metrics(part)))
        guard case .done(let state, _, _) = captured else {
            Issue.record("refused: \(captured)")
            return
        }
        #expect(state.creditsCharged.decimal == "1.50" && state.creditsReserved.decimal == "1.50")
        let rest = UsageLog.Metrics(modelUsed: "m-1", outputTokens: 250)
        #expect(
            commit(&ledger, user, grant.usageID, metrics: rest)
                == .applied(.success, charged: Credits(decimal: "1.75")!, isReplay: false))
        #expect(ledger.context(user).reserved == .zero)
        let log = ledger.logs[grant.usageID]
        #expect(log?.metrics.inputTokens == 10_000 && log?.metrics.outputTokens == 750)
    }

    @Test("A catalog that changes meanwhile changes nothing for a hold that was made under it")
    func pinned() throws {
        var ledger = Self.ledger(late: 60)
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        let old = ledger.rules.catalog
        ledger.rules = LedgerRules(
            catalog: TestLedger.rules.catalog, formerCatalogs: [7: old.terms],
            reservationTTL: 900, pastDueGrace: 0)
        ledger.advance(seconds: 930)
        guard case .applied(.success, _, _, _, _, isLate: true) = commit(&ledger, user, usage)
        else {
            Issue.record("the hold's own terms were forgotten")
            return
        }
    }

    @Test("Tokens of a feature with a fixed price are no part of it")
    func notPriced() {
        var ledger = Self.ledger(late: 60)
        let user = ledger.newUser()
        let usage = ledger.reserve(user)
        let outcome = ledger.apply(
            CaptureUsage(
                userID: user, usageID: usage, captureID: "1",
                part: .metrics(UsageLog.Metrics(inputTokens: 1))))
        #expect(outcome == .notPriced)
    }

    @Test("A model that a part has named prices the commit, too, and zeros are counts")
    func modelOfAPart() {
        var ledger = Self.ledger()
        let user = ledger.newUser()
        let usage = ledger.reserve(user, "a", feature: "chat")
        func charged(_ name: String, _ metrics: UsageLog.Metrics) -> String? {
            let command = CaptureUsage(
                userID: user, usageID: usage, captureID: name, part: .metrics(metrics))
            guard case .done(let state, _, _) = ledger.apply(command) else { return nil }
            return state.creditsCharged.decimal
        }
        let none = UsageLog.Metrics(modelUsed: "m-1", cachedInputTokens: 0)
        #expect(charged("none", none) == "0.10")
        #expect(charged("some", UsageLog.Metrics(outputTokens: 200)) == "0.20")
        let rest = UsageLog.Metrics(outputTokens: 200)
        #expect(charges(commit(&ledger, user, usage, metrics: rest)) == ["0.40", "0.00"])
        #expect(ledger.brokenInvariants() == [])
    }
}
