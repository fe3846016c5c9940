import Database
import Foundation
import Ledger
import LedgerStore
import TestFixtures
import Testing
import Values

@Suite("What the audit says of the months of a paid year")
struct YearAuditTests {
    /// Whether the audit calls something granted in several periods that is granted once.
    private func objects(_ store: Store) async throws -> Bool {
        try await LedgerAudit(database: store.database).run().findings
            .contains { $0.problem.contains("granted in several periods") }
    }

    private func grant(
        _ kind: CreditGrant.Kind, _ cause: String, _ number: Int64, to user: UUID, in store: Store
    ) async throws {
        _ = try await store.database.write { connection in
            try connection.execute(
                """
                INSERT INTO credit_grants (user_id, period_number, kind, cause, credits, reason,
                    created_at)
                VALUES (?, ?, ?, ?, 0, ?, 0)
                """,
                [
                    .uuid(user), .integer(number), .text(kind.rawValue), .text(cause),
                    .text(kind == .adjustment ? "a test" : nil),
                ])
        }
    }

    @Test("A process of the version before, which does not know the share, can end a year")
    func olderProcess() async throws {
        try await Store.run { store in
            _ = try await store.newUser(1)
            _ = try await store.database.write { connection in
                try connection.execute(
                    """
                    UPDATE career_subscription_contexts SET year_invoice_id = 'in_1',
                        year_start = 1, year_end = 2, year_plan_id = ?, year_withheld = 1,
                        year_withheld_of = 2
                    """, [.uuid(TestCatalog.plus.id)])
            }
            _ = try await store.database.write { connection in
                try connection.execute(
                    """
                    UPDATE career_subscription_contexts SET year_invoice_id = NULL,
                        year_start = NULL, year_end = NULL, year_plan_id = NULL,
                        year_withheld = NULL
                    """)
            }
            await #expect(throws: (any Error).self) {
                try await store.database.write { connection in
                    try connection.execute(
                        "UPDATE career_subscription_contexts SET year_withheld_of = 0")
                }
            }
        }
    }

    @Test("Each reset of the clock excuses one more grant of a month, and nothing else")
    func resets() async throws {
        let months = ["in_1 6", "in_1 12"]
        for (kind, cause) in months.map({ (CreditGrant.Kind.plan, $0) })
            + [(.plan, "in_1"), (.plan, "in_12"), (.adjustment, "in_1 6")]
        {
            try await Store.run { store in
                let user = try await store.newUser(1)
                try await grant(kind, cause, 2, to: user, in: store)
                #expect(try await !objects(store))
                for number in 3...5 as ClosedRange<Int64> {
                    try await grant(kind, cause, number, to: user, in: store)
                    #expect(try await objects(store), "\(kind) \(cause)")
                    _ = try await store.database.write { connection in
                        try connection.execute(
                            """
                            INSERT INTO subscription_changes (id, subscription_id, event, plan_id,
                                status, at)
                            VALUES (?, ?, '\(ResetClock.event)', ?, 'active', 0)
                            """, [.uuid(UUID()), .uuid(user), .uuid(TestCatalog.free.id)])
                    }
                    let isMonth = kind == .plan && months.contains(cause)
                    #expect(try await objects(store) != isMonth, "\(kind) \(cause)")
                }
            }
        }
    }
}
