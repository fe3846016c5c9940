extension PortableTable {
    /// Workspaces keep their keys and invitations where a database is moved to with the same
    /// `TOKEN_HASH_SECRETS`.
    static let workspaces = [
        PortableTable(
            "workspaces", key: "id",
            columns: [
                .uuid("id"), .text("display_name"), .text("slug"), .text("description"),
                .flag("is_personal"), .uuid("owner_id"), .text("subscription"),
                .count("seat_count"), .count("pending_seat_count"), .time("frozen_at"),
                .time("suspended_at"), .text("suspension_reason"), .time("created_at"),
                .time("updated_at"), .time("closed_at"),
            ]),
        PortableTable(
            "workspace_members", key: "workspace_id", "user_id",
            columns: [
                .uuid("workspace_id"), .uuid("user_id"), .text("role"), .text("status"),
                .time("joined_at"),
            ]),
        PortableTable(
            "workspace_invitations", key: "id",
            columns: [
                .uuid("id"), .uuid("workspace_id"), .text("email"), .text("email_key"),
                .text("role"), .text("status"), .bytes("token_hash"), .uuid("invited_by"),
                .time("created_at"), .time("expires_at"),
            ]),
        PortableTable(
            "workspace_api_keys", key: "id",
            columns: [
                .uuid("id"), .uuid("workspace_id"), .uuid("family_id"), .text("name"),
                .bytes("key_hash"), .text("key_prefix"), .flag("is_test"),
                .credits("credit_limit"), .uuid("created_by"), .time("created_at"),
                .time("expires_at"), .time("expiry_told_at"), .time("last_used_at"),
                .time("revoked_at"),
            ]),
        PortableTable(
            "workspace_billing_emails", key: "workspace_id",
            columns: [
                .uuid("workspace_id"), .text("email"), .text("email_key"),
                .text("pending_email"), .text("pending_key"), .bytes("code_hash"),
                .time("code_expires_at"), .count("wrong_tries"),
            ]),
        PortableTable(
            "workspace_checkouts", key: "workspace_id",
            columns: [
                .uuid("workspace_id"), .count("attempt"), .text("session_id"), .text("url"),
                .uuid("plan_id"), .text("success_url"), .text("cancel_url"),
                .time("expires_at"), .text("customer_key"), .count("seat_count"),
            ]),
        PortableTable(
            "workspace_trials", key: "owner_id",
            columns: [.uuid("owner_id"), .uuid("workspace_id"), .flag("is_used")]),
        PortableTable(
            "workspace_plan_changes", key: "workspace_id",
            columns: [
                .uuid("workspace_id"), .uuid("claim_id"), .time("claimed_until"),
                .text("shown_subscription"), .uuid("shown_plan"), .count("shown_seats"),
                .seconds("shown_at"),
            ]),
        PortableTable(
            "workspace_deletions", key: "workspace_id",
            columns: [.uuid("workspace_id"), .time("began_at")]),
        PortableTable(
            "workspace_audit", key: "id",
            columns: [
                .uuid("id"), .uuid("workspace_id"), .time("at"), .text("actor"),
                .text("action"), .text("target"), .text("state_before"), .text("state_after"),
                .text("request_id"),
            ]),
    ]

    /// What workspaces have bought beside their plans, as users have.
    static let workspacePurchases = billing.filter { $0.name == "pack_purchases" }.map {
        $0.twin(
            "workspace_pack_purchases", renaming: ["user_id": "workspace_id"], without: [],
            more: [])
    }
}
