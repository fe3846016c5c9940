/// A table as an export carries it: the same on every engine.
struct PortableTable: Sendable {
    /// How a value is written: integers (micro-credits and microseconds among them) as numbers,
    /// UUIDs in their usual text, bytes in hexadecimal.
    enum Kind: String, Sendable {
        case integer
        case text
        case uuid
        case bytes
    }

    struct Column: Sendable {
        let name: String
        let kind: Kind
        /// What is read in its place, where the value means nothing outside this process.
        let expression: String

        private init(_ name: String, _ kind: Kind, expression: String? = nil) {
            self.name = name
            self.kind = kind
            self.expression = expression ?? name
        }

        static func integer(_ name: String, as expression: String? = nil) -> Column {
            Column(name, .integer, expression: expression)
        }
        static func text(_ name: String) -> Column { Column(name, .text) }
        static func uuid(_ name: String) -> Column { Column(name, .uuid) }
        static func bytes(_ name: String) -> Column { Column(name, .bytes) }
    }

    let name: String
    /// The primary key, by which the rows are ordered.
    let key: [String]
    let columns: [Column]

    init(_ name: String, key: String..., columns: [Column]) {
        self.name = name
        self.key = key
        self.columns = columns
    }

    var select: String {
        "SELECT \(columns.map(\.expression).joined(separator: ", ")) FROM \(name) "
            + "ORDER BY \(key.joined(separator: ", "))"
    }

    var insert: String {
        let marks = Array(repeating: "?", count: columns.count).joined(separator: ", ")
        return "INSERT INTO \(name) (\(columns.map(\.name).joined(separator: ", "))) "
            + "VALUES (\(marks))"
    }

    /// Deletes some of the rows, so that a large table is emptied in bounded steps.
    func deleteSome(_ limit: Int) -> String {
        let key = key.joined(separator: ", ")
        return "DELETE FROM \(name) WHERE (\(key)) IN (SELECT \(key) FROM \(name) LIMIT \(limit))"
    }
}

extension PortableTable {
    /// Every table of the schema but `schema_migrations`, which the export's header speaks for. A
    /// table stands after those that it refers to, and `installation` stands last: its row ends an
    /// import.
    static let all = catalog + identity + ledger + billing + [installation]

    private static let catalog = [
        PortableTable(
            "plans", key: "id",
            columns: [
                .uuid("id"), .text("name"), .text("description"), .integer("price_minor"),
                .text("currency"), .text("display_price"), .text("type"), .integer("trial_days"),
                .integer("is_active"), .integer("rank"), .text("features"), .text("lookup_key"),
                .integer("updated_at"),
            ]),
        PortableTable(
            "plan_pricing_rules", key: "plan_id",
            columns: [
                .uuid("plan_id"), .integer("multiplier"), .integer("credits_allocation"),
                .integer("rate_limit_per_minute"), .integer("rate_limit_per_day"),
            ]),
        PortableTable(
            "feature_cost_configs", key: "feature_key",
            columns: [
                .text("feature_key"), .text("product_type"), .integer("internal_cost_credits"),
                .integer("is_active"),
            ]),
    ]

    private static let identity = [
        PortableTable(
            "users", key: "id",
            columns: [
                .uuid("id"), .text("email"), .text("email_key"), .integer("email_verified_at"),
                .text("password_hash"), .text("full_name"), .text("issuer"), .text("subject"),
                .integer("is_active"), .integer("created_at"), .integer("updated_at"),
            ]),
        PortableTable(
            "one_time_codes", key: "user_id", "purpose",
            columns: [
                .uuid("user_id"), .text("purpose"), .bytes("code_hash"), .integer("created_at"),
                .integer("expires_at"),
            ]),
        PortableTable(
            "sessions", key: "id",
            columns: [
                .uuid("id"), .uuid("user_id"), .text("device_info"), .integer("remember_me"),
                .integer("created_at"), .integer("expires_at"), .integer("revoked_at"),
            ]),
        PortableTable(
            "refresh_tokens", key: "token_hash",
            columns: [
                .bytes("token_hash"), .uuid("session_id"), .integer("created_at"),
                .integer("expires_at"), .integer("used_at"),
            ]),
        PortableTable(
            "auth_throttles", key: "bucket",
            columns: [.bytes("bucket"), .integer("failures"), .integer("window_started_at")]),
        PortableTable(
            "mails", key: "id",
            columns: [
                .uuid("id"), .text("recipient"), .text("subject"), .text("text"), .text("html"),
                .integer("created_at"), .integer("sent_at"),
            ]),
        PortableTable(
            "former_accounts", key: "email_hash",
            columns: [
                .bytes("email_hash"), .integer("trial_used"), .integer("period_anchor"),
                .integer("period_start"), .integer("period_end"), .integer("credits_remaining"),
                .integer("deleted_at"),
            ]),
    ]

    private static let ledger = [
        PortableTable(
            "subscriptions", key: "id",
            columns: [
                .uuid("id"), .uuid("user_id"), .uuid("plan_id"), .text("status"),
                .text("stripe_customer_id"), .text("stripe_subscription_id"),
                .integer("cancel_at_period_end"), .integer("canceled_at"), .integer("trial_end"),
                .integer("trial_used"), .integer("created_at"), .integer("updated_at"),
            ]),
        PortableTable(
            "subscription_changes", key: "id",
            columns: [
                .uuid("id"), .uuid("subscription_id"), .text("event"), .uuid("plan_id"),
                .text("status"), .text("stripe_customer_id"), .text("stripe_subscription_id"),
                .integer("at"),
            ]),
        PortableTable(
            "career_subscription_contexts", key: "user_id",
            columns: [
                .uuid("user_id"), .uuid("subscription_id"), .integer("period_number"),
                .integer("period_start"), .integer("period_end"), .text("period_source"),
                .uuid("period_plan_id"), .integer("period_anchor"), .integer("credits_allocated"),
                .integer("credits_used"), .integer("credits_reserved"),
                .integer("minute_started_at"), .integer("minute_count"),
                .integer("day_started_at"), .integer("day_count"), .integer("decided_at"),
            ]),
        PortableTable(
            "credit_grants", key: "user_id", "period_number", "kind", "cause",
            columns: [
                .uuid("user_id"), .integer("period_number"), .text("kind"), .text("cause"),
                .integer("credits"), .text("reason"), .integer("created_at"),
            ]),
        PortableTable(
            "career_usage_logs", key: "id",
            columns: [
                .uuid("id"), .uuid("user_id"), .uuid("subscription_id"),
                .integer("period_number"), .text("request_id"), .text("payload_hash"),
                .text("feature_key"), .text("status"), .integer("credits_reserved"),
                .integer("credits_charged"), .text("endpoint"), .text("method"),
                .text("client_ip"), .text("user_agent"), .integer("input_chars"),
                .integer("max_output_tokens"), .text("model"), .integer("created_at"),
                .integer("expires_at"), .integer("committed_at"),
                .integer("commit_accepted_at"), .text("commit_accepted_as"),
                .text("model_used"), .integer("input_tokens"), .integer("output_tokens"),
                .integer("latency_ms"), .text("failure_type"), .text("failure_reason"),
            ]),
    ]

    private static let billing = [
        // A lease belongs to the worker that holds it: in another database it is nobody's.
        PortableTable(
            "messages", key: "id",
            columns: [
                .uuid("id"), .text("queue"), .text("body"), .integer("attempts"),
                .text("reason"), .integer("enqueued_at"), .integer("due_at"),
                .integer("leased_until", as: "CAST(0 AS BIGINT)"), .integer("died_at"),
            ]),
        PortableTable(
            "message_tries", key: "id",
            columns: [
                .uuid("id"), .integer("tries"), .integer("beat", as: "CAST(0 AS BIGINT)"),
            ]),
        PortableTable(
            "stripe_events", key: "id",
            columns: [
                .text("id"), .text("type"), .text("object_id"), .integer("created_at"),
                .integer("received_at"),
            ]),
        PortableTable(
            "stripe_tickets", key: "stripe_subscription_id",
            columns: [
                .text("stripe_subscription_id"), .integer("issued"), .integer("applied"),
            ]),
        PortableTable(
            "revoked_invoices", key: "invoice_id",
            columns: [.text("invoice_id"), .text("reason"), .integer("revoked_at")]),
        PortableTable(
            "checkouts", key: "user_id",
            columns: [
                .uuid("user_id"), .integer("attempt"), .text("session_id"), .text("url"),
                .uuid("plan_id"), .text("success_url"), .text("cancel_url"),
                .integer("expires_at"),
            ]),
        PortableTable(
            "upgrade_previews", key: "user_id",
            columns: [
                .uuid("user_id"), .text("stripe_subscription_id"), .uuid("plan_id"),
                .integer("proration_date"),
            ]),
        PortableTable(
            "operator_notices", key: "id",
            columns: [
                .uuid("id"), .text("kind"), .text("subject"), .text("text"),
                .integer("created_at"),
            ]),
    ]

    static let installation = PortableTable(
        "installation", key: "id",
        columns: [
            .integer("id"), .bytes("secret"), .integer("clock_offset"),
            .integer("catalog_revision"),
        ])
}
