import Foundation
import Ledger
import Testing
import Values

@Suite("A chain of sub-periods equals the whole")
struct SubPeriodTests {
    @Test("However often an account is settled in between, a history comes to the same")
    func chains() {
        let seed = UInt64.random(in: 1...UInt64(UInt32.max))
        var dice = SeededGenerator(seed: seed)
        for run in 0..<HoldHistoryTests.histories {
            var whole = TestLedger()
            // Of months in which nothing was decided none rolls over: there a decision counts.
            whole.rules = HoldHistoryTests.rules(&dice, rolls: false)
            let user = whole.newUser()
            var chain = whole
            var (calls, same): ([UUID], [UUID]) = ([], [])
            for step in 0..<60 {
                var (one, other) = (dice, dice)
                let before = whole.now
                HoldHistoryTests.act(&whole, user, &calls, &one, step)
                HoldHistoryTests.act(&chain, user, &same, &other, step)
                dice = one
                Self.settle(&chain, user, from: before, to: whole.now, &dice)
            }
            for _ in 0..<2 {
                whole.apply(SettleAccount(userID: user))
                chain.apply(SettleAccount(userID: user))
            }
            let (left, right) = (Standing(whole, user), Standing(chain, user))
            #expect(left == right, "seed \(seed), run \(run)")
            if left != right { return }
        }
    }

    /// Settles the account at some instants, at the ends of holds and grants among them.
    private static func settle(
        _ ledger: inout TestLedger, _ user: UUID, from start: Timestamp, to end: Timestamp,
        _ dice: inout SeededGenerator
    ) {
        let ends =
            ledger.logs.values.map(\.expiresAt)
            + (ledger.accounts[user]?.grants.compactMap(\.expiresAt) ?? [])
        let spans = (0..<3).map { _ in Int64.random(in: 0...86_400, using: &dice) }
        let instants = (ends + spans.map { start.adding(seconds: $0) }).sorted()
        for instant in instants where instant > start && instant <= end {
            ledger.now = instant
            ledger.apply(SettleAccount(userID: user))
        }
        ledger.now = end
    }

    /// What an account and its calls have come to. How many months were begun is none of it, nor
    /// which of them a draw on the pool was of, nor whether what is gone of a grant was taken back
    /// before it ended.
    private struct Standing: Equatable {
        let sums: [Credits]
        let period: [Timestamp]
        let grants: [[Credits]]
        let calls: [UUID: [String]]

        init(_ ledger: TestLedger, _ user: UUID) {
            let context = ledger.context(user)
            sums = [context.used, context.reserved, context.allocated]
            period = [context.period.start, context.period.end]
            grants =
                ledger.accounts[user]?.grants.map {
                    [$0.remaining, $0.held, $0.captured, $0.expired + $0.takenBack]
                } ?? []
            calls = ledger.logs.mapValues { log in
                [
                    "\(log.status)", "\(log.creditsReserved)", "\(log.creditsHeld)",
                    "\(log.creditsLent)", "\(log.creditsNotCharged)",
                    "\(log.creditsCharged ?? .zero)", "\(log.expiresAt)",
                ]
            }
        }
    }
}
