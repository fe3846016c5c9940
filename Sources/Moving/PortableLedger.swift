/// The ledger's tables as an export carries them.
extension PortableTable {
    static let ledger = [
        PortableTable(
            "subscriptions", key: "id",
            columns: [
                .uuid("id"), .uuid("user_id"), .uuid("plan_id"), .text("status"),
                .text("stripe_customer_id"), .text("stripe_subscription_id"),
                .flag("cancel_at_period_end"), .time("canceled_at"), .time("trial_end"),
                .flag("trial_used"), .time("created_at"), .time("updated_at"),
                .time("cancel_at"), .uuid("scheduled_plan_id"), .time("scheduled_at"),
            ]),
        PortableTable(
            "subscription_changes", key: "id",
            columns: [
                .uuid("id"), .uuid("subscription_id"), .text("event"), .uuid("plan_id"),
                .text("status"), .text("stripe_customer_id"), .text("stripe_subscription_id"),
                .time("at"), .text("reason"),
            ]),
        PortableTable(
            "career_subscription_contexts", key: "user_id",
            columns: [
                .uuid("user_id"), .text("standing"), .uuid("subscription_id"), .uuid("plan_id"),
                .text("subscription_status"), .count("period_number"), .time("period_start"),
                .time("period_end"), .text("period_source"),
                .uuid("period_plan_id"), .time("period_anchor"), .credits("credits_allocated"),
                .credits("credits_used"), .credits("credits_reserved"), .credits("credits_owed"),
                .credits("former_credits_left"), .time("minute_started_at"), .count("minute_count"),
                .time("day_started_at"), .count("day_count"), .time("earliest_expiry"),
                .count("open_grants"), .time("decided_at"),
            ] + limitColumns + yearColumns),
        PortableTable(
            "credit_grants", key: "user_id", "period_number", "kind", "cause",
            columns: [
                .uuid("user_id"), .count("period_number"), .text("kind"), .text("cause"),
                .credits("credits"), .text("reason"), .time("created_at"),
            ]),
        PortableTable(
            "career_usage_logs", key: "id",
            columns: [
                .uuid("id"), .uuid("user_id"), .uuid("subscription_id"),
                .count("period_number"), .text("request_id"), .text("payload_hash"),
                .text("feature_key"), .text("status"), .credits("credits_reserved"),
                .credits("credits_charged"), .text("endpoint"), .text("method"),
                .text("client_ip"), .text("user_agent"), .count("input_chars"),
                .count("max_output_tokens"), .text("model"), .time("created_at"),
                .time("expires_at"), .time("committed_at"),
                .time("commit_accepted_at"), .text("commit_accepted_as"),
                .text("model_used"), .count("input_tokens"), .count("output_tokens"),
                .count("latency_ms"), .text("failure_type"), .text("failure_reason"),
                .credits("credits_captured"), .credits("credits_released"),
                .credits("credits_not_charged"), .flag("is_late"),
                .credits("commit_accepted_credits"), .count("cached_input_tokens"),
                .count("reasoning_tokens"), .count("catalog_revision"), .uuid("pinned_plan_id"),
                .flag("has_draws"),
            ] + balanceColumns + familyColumns),
        PortableTable(
            "standalone_grants", key: "id",
            columns: [
                .uuid("id"), .uuid("account_id"), .text("source"), .credits("amount"),
                .number("priority", in: 0...100), .time("effective_at"), .time("expires_at"),
                .flag("is_paid"), .text("cause"), .text("reason"), .text("actor"),
                .time("created_at"), .credits("remaining"), .credits("held"),
                .credits("captured"), .credits("expired"), .credits("taken_back"),
                .credits("take_back_total"), .flag("is_frozen"), .credits("room"),
            ]),
        PortableTable(
            "usage_draws", key: "account_id", "usage_id", "position",
            columns: [
                .uuid("account_id"), .uuid("usage_id"), .count("position"), .uuid("grant_id"),
                .count("period_number"), .credits("held"), .credits("captured"),
            ]),
        PortableTable(
            "career_usage_steps", key: "user_id", "usage_id", "kind", "name",
            columns: [
                .uuid("user_id"), .uuid("usage_id"), .text("kind"), .text("name"),
                .text("request"), .credits("credits"), .credits("credits_reserved"),
                .credits("credits_charged"), .time("expires_at"), .time("created_at"),
            ]),
    ]
}
