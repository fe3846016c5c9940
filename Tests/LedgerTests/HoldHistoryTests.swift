import Foundation
import Ledger
import Testing
import Values

@Suite("Random histories of holds")
struct HoldHistoryTests {
    /// `CUEBX_HISTORIES` asks for more of them.
    static let histories =
        ProcessInfo.processInfo.environment["CUEBX_HISTORIES"].flatMap { Int($0) } ?? 400

    @Test("Whatever is done in whatever order, the counters are the sums and nothing is overspent")
    func histories() {
        let seed = UInt64.random(in: 1...UInt64(UInt32.max))
        var dice = SeededGenerator(seed: seed)
        for run in 0..<Self.histories {
            var ledger = TestLedger()
            ledger.rules = Self.rules(&dice, rolls: .random(using: &dice))
            let user = ledger.newUser()
            var calls: [UUID] = []
            for step in 0..<60 {
                Self.act(&ledger, user, &calls, &dice, step)
                let broken = ledger.brokenInvariants()
                let context = ledger.context(user)
                let isSound =
                    broken.isEmpty && context.used + context.reserved <= context.allocated
                #expect(isSound, "seed \(seed), run \(run), step \(step): \(broken) \(context)")
                if !isSound { return }
            }
        }
    }

    /// - Parameter rolls: whether a free month leaves something over for the next.
    static func rules(_ dice: inout SeededGenerator, rolls: Bool) -> LedgerRules {
        func feature(_ key: String) -> FeatureCostConfig {
            FeatureCostConfig(
                featureKey: key, productType: "career", internalCost: Credits(decimal: "1")!,
                maximumHoldSeconds: Bool.random(using: &dice) ? nil : 7200,
                overuse: Bool.random(using: &dice) ? .cap : .ifAvailable,
                lateCommitSeconds: Bool.random(using: &dice) ? 0 : 3600)
        }
        let catalog = try! Catalog(
            revision: 1,
            plans: [rolls ? rolling : TestLedger.free, TestLedger.plus, TestLedger.pro],
            features: [feature("match"), feature("words")])
        return LedgerRules(catalog: catalog, reservationTTL: 900, pastDueGrace: 0)
    }

    /// Free, of which 7 credits are kept for a month.
    private static let rolling: Plan = {
        let free = TestLedger.free
        return Plan(
            id: free.id, name: free.name, description: "", price: free.price, displayPrice: "",
            kind: free.kind, trialDays: 7, isActive: true, rank: free.rank, features: [],
            lookupKey: nil,
            pricing: PlanPricingRule(
                multiplier: free.pricing.multiplier,
                creditsAllocation: free.pricing.creditsAllocation, rateLimitPerMinute: 10,
                rateLimitPerDay: 100,
                rollover: Rollover(maxCredits: Credits(decimal: "7")!, periods: 1)))
    }()

    /// Something happens to a grant beside the pool, or a long time passes.
    private static func grant(
        _ ledger: inout TestLedger, _ user: UUID, _ dice: inout SeededGenerator
    ) {
        let cause = "\(Int.random(in: 0..<4, using: &dice))"
        let amount = Credits(clamping: Int64.random(in: 1...4_000_000, using: &dice))
        switch Int.random(in: 0..<6, using: &dice) {
        case 0:
            ledger.apply(
                SettleTopUp(of: user, cause, isFrozen: .random(using: &dice)))
        case 1: ledger.apply(SettleTopUp(of: user, cause, takenBack: amount))
        case 2: ledger.advance(days: Int64.random(in: 1...20, using: &dice))
        default:
            ledger.give(
                user, amount.decimal, cause, priority: Int64.random(in: 49...51, using: &dice),
                from: Bool.random(using: &dice) ? nil : 600,
                until: Bool.random(using: &dice) ? nil : Int64.random(in: 1...3000, using: &dice),
                isPaid: .random(using: &dice))
        }
    }

    static func act(
        _ ledger: inout TestLedger, _ user: UUID, _ calls: inout [UUID],
        _ dice: inout SeededGenerator, _ step: Int
    ) {
        func amount() -> Credits {
            Credits(clamping: Int64.random(in: 1...3_000_000, using: &dice))
        }
        let usage = calls.randomElement(using: &dice) ?? UUID()
        switch Int.random(in: 0..<11, using: &dice) {
        case 0, 1:
            let isChild = Int.random(in: 0..<3, using: &dice) == 0
            let outcome = ledger.apply(
                ValidateUsage(
                    key: IdempotencyKey(userID: user, requestID: "\(step)", payloadHash: "0"),
                    featureKey: Bool.random(using: &dice) ? "match" : "words",
                    call: UsageLog.Call(endpoint: "/", method: "POST"),
                    parent: isChild ? usage : nil, randomness: ledger.generator.next()))
            if case .granted(let grant, _) = outcome { calls.append(grant.usageID) }
        case 2:
            ledger.apply(
                ExtendHold(
                    userID: user, usageID: usage, extensionID: "\(step % 5)",
                    holdSeconds: Bool.random(using: &dice) ? nil : 900, raise: .by(amount())))
        case 3:
            ledger.apply(
                CaptureUsage(
                    userID: user, usageID: usage, captureID: "\(step % 7)",
                    part: .credits(amount())))
        case 4: ledger.apply(CancelUsage(userID: user, usageID: usage))
        case 5: ledger.advance(seconds: Int64.random(in: 0...1000, using: &dice))
        case 6: ledger.apply(SettleAccount(userID: user))
        case 7, 8: grant(&ledger, user, &dice)
        default:
            let isFailure = Int.random(in: 0..<4, using: &dice) == 0
            let commit = CommitUsage(
                userID: user, usageID: usage,
                result: isFailure
                    ? .failure(UsageLog.Failure(type: .timeout, reason: "slow")) : .success,
                metrics: UsageLog.Metrics(),
                credits: isFailure || Bool.random(using: &dice) ? nil : amount())
            if Bool.random(using: &dice) {
                ledger.apply(commit)
            } else {
                ledger.apply(AcceptCommit(commit))
            }
        }
    }
}
