import Foundation
import Ledger
import Testing
import Values

/// What the tests of families ask of an account, and how it stands.
protocol FamilySuite {
    var ledger: TestLedger { get set }
    var user: UUID { get }
}

struct FamilyRefused: Error {}

extension FamilySuite {
    /// Two features of which calls hold much and little, priced as told at their end.
    static func made() throws -> (TestLedger, UUID) {
        var ledger = TestLedger()
        func feature(
            _ key: String, _ hold: String, _ overuse: FeatureCostConfig.Overuse = .cap,
            late: Int64 = 0
        ) throws -> FeatureCostConfig {
            FeatureCostConfig(
                featureKey: key, productType: "career", internalCost: .zero,
                defaultHold: Credits(decimal: hold), overuse: overuse,
                lateCommitSeconds: late)
        }
        ledger.rules = LedgerRules(
            catalog: try Catalog(
                revision: 1, plans: [TestLedger.free, TestLedger.plus, TestLedger.pro],
                features: [
                    try feature("run", "10"), try feature("tool", "3", .ifAvailable),
                    try feature("late", "3", late: 3600), try feature("free", "0"),
                ]),
            reservationTTL: 900, pastDueGrace: 3 * 86_400)
        let user = ledger.newUser()
        return (ledger, user)
    }

    mutating func ask(
        _ request: String, _ feature: String = "tool", of parent: UUID? = nil,
        seconds: Int64? = nil, by someone: UUID? = nil
    ) -> ValidateUsage.Outcome {
        ledger.apply(
            ValidateUsage(
                key: IdempotencyKey(
                    userID: someone ?? user, requestID: request, payloadHash: "0"),
                featureKey: feature, call: UsageLog.Call(endpoint: "/", method: "POST"),
                holdSeconds: seconds, parent: parent, randomness: ledger.generator.next()))
    }

    mutating func hold(
        _ request: String, _ feature: String = "tool", of parent: UUID? = nil,
        seconds: Int64? = nil
    ) throws -> UUID {
        guard case .granted(let grant, _) = ask(request, feature, of: parent, seconds: seconds)
        else { throw FamilyRefused() }
        return grant.usageID
    }

    mutating func code(
        _ request: String, _ feature: String = "tool", of parent: UUID?
    ) -> String {
        switch ask(request, feature, of: parent) {
        case .denied(let denial, _): denial.code.rawValue
        case .granted(let grant, _): grant.code.rawValue
        case .unknownParent: "unknown_parent"
        default: "?"
        }
    }

    @discardableResult
    mutating func commit(
        _ usage: UUID, _ credits: String? = nil, success: Bool = true, acceptedAt: Timestamp? = nil
    ) -> CommitUsage.Outcome {
        ledger.apply(
            CommitUsage(
                userID: user, usageID: usage,
                result: success
                    ? .success : .failure(UsageLog.Failure(type: .timeout, reason: "slow")),
                metrics: UsageLog.Metrics(), credits: credits.flatMap { Credits(decimal: $0) },
                acceptedAt: acceptedAt))
    }

    mutating func raise(_ usage: UUID, _ credits: String, _ name: String = "e") -> String {
        let outcome = ledger.apply(
            ExtendHold(
                userID: user, usageID: usage, extensionID: name, holdSeconds: nil,
                raise: Credits(decimal: credits).map { .by($0) }))
        return switch outcome {
        case .done: "extended"
        case .refused(let refusal, _): refusal.code.rawValue
        default: "?"
        }
    }

    mutating func cancel(_ usage: UUID) -> HoldOutcome {
        ledger.apply(CancelUsage(userID: user, usageID: usage))
    }

    mutating func settle() { ledger.apply(SettleAccount(userID: user)) }

    func held(_ usage: UUID) -> String { ledger.logs[usage]?.creditsHeld.decimal ?? "" }
    func lent(_ usage: UUID) -> String { ledger.logs[usage]?.creditsLent.decimal ?? "" }
    func status(_ usage: UUID) -> UsageLog.Status? { ledger.logs[usage]?.status }

    /// Held and used of the pool.
    var pool: [String] {
        let context = ledger.context(user)
        return [context.reserved.decimal, context.used.decimal]
    }
}

extension TestLedger {
    /// What running calls have lent is what their children took; no ended one's children hold more.
    func brokenFamilies(_ own: [UsageLog]) -> [String] {
        own.filter { parent in
            let taken = own.filter { $0.parentID == parent.id }.reduce(Credits.zero) { sum, log in
                let kept = (log.creditsCharged ?? .zero) + log.creditsLent
                return sum + (log.status == .pending ? log.creditsReserved : kept)
            }
            let isWhole =
                parent.status == .pending
                ? parent.creditsLent == taken : parent.creditsLent >= taken
            return !isWhole || parent.creditsKept < .zero
        }.map { "lent by \($0.id)" }
    }
}
