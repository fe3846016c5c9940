import Ledger

/// The names of a product's tables, and of the column by which they say whose a row is. The tables
/// of two products are alike but for these names and for what only calls by key have.
package struct ProductTables: Sendable {
    package let product: Product
    /// The accounts.
    let contexts: String
    let subscriptions: String
    let changes: String
    /// The lines of a period's pool.
    let lines: String
    /// The grants beside the pool.
    let grants: String
    let draws: String
    let logs: String
    let steps: String
    /// What was bought beside the plan, which is not the ledger's own.
    let purchases: String
    /// The column with the account's id.
    let holder: String

    package static func of(_ product: Product) -> ProductTables {
        switch product {
        case .career: career
        case .api: api
        }
    }

    private static let career = ProductTables(
        product: .career, contexts: "career_subscription_contexts",
        subscriptions: "subscriptions", changes: "subscription_changes", lines: "credit_grants",
        grants: "standalone_grants", draws: "usage_draws", logs: "career_usage_logs",
        steps: "career_usage_steps", purchases: "pack_purchases", holder: "user_id")

    private static let api = ProductTables(
        product: .api, contexts: "api_subscription_contexts",
        subscriptions: "api_subscriptions", changes: "api_subscription_changes",
        lines: "api_credit_grants", grants: "api_standalone_grants", draws: "api_usage_draws",
        logs: "api_usage_logs", steps: "api_usage_steps",
        purchases: "workspace_pack_purchases", holder: "workspace_id")

    /// Calls by key have a key, and may be tests.
    var hasKeys: Bool { product == .api }
}

/// A statement that is written once for the tables of every product: its texts are made when it is
/// first used, and none is built for a call.
struct ProductSQL: Sendable {
    private let career: String
    private let api: String

    init(_ text: (ProductTables) -> String) {
        career = text(.of(.career))
        api = text(.of(.api))
    }

    subscript(_ tables: ProductTables) -> String {
        tables.product == .career ? career : api
    }
}
