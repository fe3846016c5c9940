import Database
import Ledger
import LedgerStore
import TestFixtures
import Testing

@Suite("The tables of two products are alike")
struct ProductTableTests {
    /// The tables of Career's ledger, each with the API's and what that has beside.
    private static let twins: [(career: String, api: String, more: Set<String>)] = [
        ("subscriptions", "api_subscriptions", []),
        ("subscription_changes", "api_subscription_changes", []),
        (
            "career_subscription_contexts", "api_subscription_contexts",
            [
                "test_minute_started_at", "test_minute_count", "test_day_started_at",
                "test_day_count",
            ]
        ),
        ("credit_grants", "api_credit_grants", []),
        ("standalone_grants", "api_standalone_grants", []),
        ("usage_draws", "api_usage_draws", []),
        ("career_usage_logs", "api_usage_logs", ["api_key_id", "key_family_id", "is_test"]),
        ("career_usage_steps", "api_usage_steps", []),
    ]

    /// What is sold to users alone: automatic top-ups, and plans by the year.
    private static let ofCareer: Set<String> = [
        "top_up_below", "year_invoice_id", "year_start", "year_end", "year_plan_id",
        "year_withheld", "year_told_id", "year_withheld_of", "renewal_asked_at",
    ]

    private func columns(
        _ table: String, _ database: any Database
    ) async throws -> Set<String> {
        Set(
            try await database.texts(
                """
                SELECT CASE c.name WHEN 'user_id' THEN 'workspace_id' ELSE c.name END || ' '
                    || c.type || ' ' || c."notnull" || ' ' || coalesce(c.dflt_value, '')
                FROM pragma_table_info('\(table)') c
                """))
    }

    @Test("A column that Career's ledger has the API's has too, of the same type and default")
    func columns() async throws {
        try await withTemporaryDatabase { database in
            for twin in Self.twins {
                let career = try await columns(twin.career, database)
                let api = try await columns(twin.api, database)
                let missing = career.subtracting(api).map { String($0.split(separator: " ")[0]) }
                #expect(!career.isEmpty && Set(missing).isSubset(of: Self.ofCareer))
                let more = Set(api.subtracting(career).map { String($0.split(separator: " ")[0]) })
                #expect(more == twin.more, "\(twin.api)")
            }
        }
    }
}
