import Foundation
import Ledger
import LedgerStore
import TestFixtures
import Testing
import Values

@Suite("What counts against first limits is added up while nobody waits, or again")
struct CountedSpendingTests {
    private static let limits = SpendingLimits(daily: Credits(decimal: "20")!, monthly: nil)

    /// What was captured, as a look says that goes by what was counted before.
    private func captured(
        _ counted: CountedSpending, of user: UUID, in store: Store
    ) async throws -> Credits? {
        let standing = try await store.ledger.look(
            at: SetSpendingLimits(userID: user, limits: Self.limits, counted: counted))
        guard case .stands(_, let day, _) = standing else { return nil }
        return day
    }

    @Test("What was counted is taken as it was counted while nothing has moved")
    func unmoved() async throws {
        try await Store.run { store in
            let user = try await store.newUser(1)
            let truth = try #require(try await store.ledger.countSpending(of: user))
            // Nothing is added up again: another sum is believed as well.
            let other = CountedSpending(
                Spending(
                    countedAt: truth.spending.countedAt, today: Credits(decimal: "7")!,
                    thisMonth: Credits(decimal: "9")!, held: .zero), at: truth.mark)
            #expect(try await captured(other, of: user, in: store)?.decimal == "7.00")
            #expect(try await captured(truth, of: user, in: store) == .zero)
        }
    }

    @Test("Whatever captures, holds or releases makes what was counted before untrue")
    func moved() async throws {
        try await Store.run { store in
            let (user, other) = (try await store.newUser(1), try await store.newUser(2))
            for isOfGrants in [false, true] {
                if isOfGrants {
                    _ = try await store.ledger.perform(
                        AddGrant(
                            userID: user, source: .promotion, amount: Credits(decimal: "50")!,
                            priority: 1, cause: "gift", randomness: 1))
                }
                for (name, move) in moves(of: user, in: store, "\(isOfGrants)") {
                    let counted = try #require(try await store.ledger.countSpending(of: user))
                    let before = try await captured(counted, of: user, in: store)
                    #expect(before == counted.spending.captured(in: .day))
                    // What another does changes nothing of it.
                    _ = try await store.ledger.perform(ValidateUsage(other, name))
                    #expect(try await captured(counted, of: user, in: store) == before)
                    try await move()
                    let after = try await captured(counted, of: user, in: store)
                    #expect(after == nil, "\(name), of grants: \(isOfGrants)")
                    let again = try #require(try await store.ledger.countSpending(of: user))
                    #expect(
                        try await captured(again, of: user, in: store)
                            == again.spending.captured(in: .day))
                }
            }
        }
    }

    /// One after another, of two calls; each moves credits.
    private func moves(
        of user: UUID, in store: Store, _ name: String
    ) -> [(String, () async throws -> Void)] {
        func reserve(_ request: String) async throws {
            let answer = try await store.ledger.perform(ValidateUsage(user, name + request))
            #expect(answer.grant != nil)
        }
        func usage(_ request: String) async throws -> UUID {
            let logs = try await store.logs(of: user)
            return try #require(logs.first { $0.key.requestID == name + request }).id
        }
        func end(_ request: String, _ result: CommitUsage.Result) async throws {
            _ = try await store.ledger.perform(
                CommitUsage(
                    userID: user, usageID: try await usage(request), result: result,
                    metrics: UsageLog.Metrics()))
        }
        let failed = CommitUsage.Result.failure(
            UsageLog.Failure(type: .timeout, reason: "late"))
        return [
            ("reserve", { try await reserve("a") }),
            (
                "raise",
                {
                    _ = try await store.ledger.perform(
                        ExtendHold(
                            userID: user, usageID: try await usage("a"), extensionID: "e",
                            holdSeconds: nil, raise: .by(Credits(decimal: "2")!)))
                }
            ),
            (
                "capture",
                {
                    _ = try await store.ledger.perform(
                        CaptureUsage(
                            userID: user, usageID: try await usage("a"), captureID: "c",
                            part: .credits(Credits(decimal: "1")!)))
                }
            ),
            ("succeed", { try await end("a", .success) }),
            ("reserve another", { try await reserve("b") }),
            ("fail", { try await end("b", failed) }),
            ("reserve a third", { try await reserve("c") }),
            (
                "cancel",
                {
                    _ = try await store.ledger.perform(
                        CancelUsage(userID: user, usageID: try await usage("c")))
                }
            ),
        ]
    }
}
