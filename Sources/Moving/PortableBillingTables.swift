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
            "operator_notices", key: "id",
            columns: [
                .uuid("id"), .text("kind"), .text("subject"), .text("text"),
                .time("created_at"),
            ]),
    ]
}
