import Foundation
import Ledger
import LedgerStore
import Telemetry
import TestFixtures
import Testing
import Values

@Suite("The sweeper")
struct SweeperTests {
    @Test("An account that cannot be settled keeps no other waiting, and is told of")
    func oneFails() async throws {
        try await Store.run { store in
            var users: [UUID] = []
            for number in UInt8(1)...3 {
                let user = try await store.newUser(number)
                users.append(user)
                _ = try await store.ledger.perform(ValidateUsage(user))
                _ = try await store.ledger.perform(
                    AddGrant(
                        userID: user, source: .promotion,
                        amount: try #require(Credits(decimal: "2")),
                        expiresAt: TestCatalog.start.adding(seconds: 60), cause: "gift",
                        randomness: UInt64(number)))
            }
            let broken = users[0]
            try await store.database.write { connection in
                _ = try connection.execute(
                    "UPDATE career_subscription_contexts SET minute_started_at = -1"
                        + " WHERE user_id = ?", [.uuid(broken)])
            }
            let later = DecisionClock { TestCatalog.start.adding(seconds: 3600) }
            let sweeping = Store(over: store.database, clock: later)
            let sweeper = ExpirySweeper(
                database: store.database, ledger: sweeping.ledger, clock: later,
                lags: LagMetrics())
            await #expect(throws: (any Error).self) { try await sweeper.sweep() }
            sweeping.ledger.close()
            for user in users.dropFirst() {
                #expect(try await store.logs(of: user).map(\.status) == [.expired])
                #expect(try await store.entry(of: user)?.account?.context.openGrants == 0)
            }
        }
    }
}
