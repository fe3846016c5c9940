/// Messages, what Stripe tells, what is bought and what is redeemed.
extension PortableTable {
    static let billing = [
        // A lease belongs to the worker that holds it: in another database it is nobody's.
        PortableTable(
            "messages", key: "id",
            columns: [
                .uuid("id"), .text("queue"), .text("body"), .count("attempts"),
                .text("reason"), .time("enqueued_at"), .time("due_at"),
                .zero("leased_until"), .time("died_at"), .text("request_id"),
                .uuid("account_id"),
            ]),
        PortableTable(
            "message_tries", key: "id",
            columns: [
                .uuid("id"), .count("tries"), .zero("beat"),
            ]),
        PortableTable(
            "stripe_events", key: "id",
            columns: [
                .text("id"), .text("type"), .text("object_id"), .time("created_at"),
                .time("received_at"),
            ]),
        PortableTable(
            "stripe_tickets", key: "stripe_subscription_id",
            columns: [
                .text("stripe_subscription_id"), .count("issued"), .count("applied"),
            ]),
        PortableTable(
            "revoked_invoices", key: "invoice_id",
            columns: [.text("invoice_id"), .text("reason"), .time("revoked_at")]),
        PortableTable(
            "checkouts", key: "user_id",
            columns: [
                .uuid("user_id"), .count("attempt"), .text("session_id"), .text("url"),
                .uuid("plan_id"), .text("success_url"), .text("cancel_url"),
                .time("expires_at"), .text("customer_key"),
            ]),
        PortableTable(
            "credit_refusals", key: "subscription_id", "plan_id",
            columns: [
                .uuid("subscription_id"), .uuid("plan_id"), .text("feature_key"),
                .time("refused_at"),
            ]),
        PortableTable(
            "upgrade_previews", key: "user_id",
            columns: [
                .uuid("user_id"), .text("stripe_subscription_id"), .uuid("plan_id"),
                .seconds("proration_date"),
            ]),
        PortableTable(
            "promotion_codes", key: "code",
            columns: [
                .text("code"), .credits("credits"), .count("total"), .count("redeemed"),
                .time("starts_at"), .time("ends_at"), .count("valid_days"), .time("created_at"),
            ]),
        PortableTable(
            "code_redemptions", key: "code", "user_hash",
            columns: [
                .text("code"), .bytes("user_hash"), .uuid("grant_id"), .time("redeemed_at"),
            ]),
        PortableTable(
            "code_attempts", key: "user_id",
            columns: [.uuid("user_id"), .count("wrong"), .time("window_started_at")]),
        PortableTable(
            "pack_purchases", key: "id",
            columns: [
                .uuid("id"), .uuid("user_id"), .uuid("pack_id"), .text("pack_name"),
                .credits("credits"), .count("valid_days"), .count("price_minor"),
                .text("currency"), .text("success_url"), .text("cancel_url"),
                .text("session_id"), .text("url"), .time("created_at"), .time("expires_at"),
                .text("payment_intent_id"), .time("paid_at"), .count("paid_minor"),
                .count("returned_minor"), .flag("is_disputed"), .uuid("grant_id"),
            ]),
        PortableTable(
            "automatic_top_ups", key: "user_id",
            columns: [
                .uuid("user_id"), .uuid("pack_id"), .text("pack_name"), .credits("credits"),
                .count("price_minor"), .text("currency"), .count("valid_days"),
                .credits("below"), .count("monthly_maximum"), .time("consented_at"),
                .text("off_reason"), .time("off_at"), .time("failing_since"),
                .count("failed_tries"), .time("next_try_at"), .time("due_at"),
            ]),
        PortableTable(
            "automatic_top_up_changes", key: "id",
            columns: [
                .uuid("id"), .uuid("user_id"), .time("at"), .flag("is_on"), .text("reason"),
                .uuid("session_id"), .uuid("pack_id"), .credits("credits"),
                .count("price_minor"), .text("currency"), .credits("below"),
                .count("monthly_maximum"),
            ]),
        PortableTable(
            "top_up_purchases", key: "id",
            columns: [
                .uuid("id"), .uuid("user_id"), .uuid("pack_id"), .text("pack_name"),
                .credits("credits"), .count("price_minor"), .text("currency"),
                .count("valid_days"), .time("begun_at"), .text("status"), .text("invoice_id"),
                .count("tries"), .time("tried_at"), .flag("is_trying"), .text("card"),
                .count("used_keys"), .text("payment_intent_id"), .time("paid_at"),
                .count("paid_minor"), .count("returned_minor"), .flag("is_disputed"),
                .uuid("grant_id"),
            ]),
        PortableTable(
            "top_up_returns", key: "grant_id",
            columns: [
                .uuid("grant_id"), .uuid("user_id"), .text("cause"), .text("sold_by"),
                .text("payment_intent_id"), .count("attempt"), .time("begun_at"),
                .text("refund_id"),
            ]),
        PortableTable(
            "operator_notices", key: "id",
            columns: [
                .uuid("id"), .text("kind"), .text("subject"), .text("text"),
                .time("created_at"),
            ]),
    ]
}
