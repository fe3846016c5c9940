extension PortableTable {
    /// Operators keep their sign-in where a database is moved to with the same `OPERATOR_SECRET`.
    static let operators = [
        PortableTable(
            "operators", key: "id",
            columns: [
                .uuid("id"), .text("email"), .text("email_key"), .text("role"),
                .text("password_hash"), .bytes("totp_secret"), .count("totp_step"),
                .time("created_at"),
            ]),
        PortableTable(
            "operator_recovery_codes", key: "operator_id", "code_hash",
            columns: [.uuid("operator_id"), .bytes("code_hash"), .time("used_at")]),
        PortableTable(
            "operator_sessions", key: "id",
            columns: [
                .uuid("id"), .uuid("operator_id"), .bytes("secret_hash"), .time("created_at"),
                .time("expires_at"), .time("stepped_up_at"),
            ]),
        PortableTable(
            "catalog_drafts", key: "operator_id",
            columns: [.uuid("operator_id"), .text("file"), .time("updated_at")]),
        PortableTable(
            "operator_actions", key: "id",
            columns: [
                .uuid("id"), .uuid("operator_id"), .text("actor"), .text("action"),
                .uuid("user_id"), .text("subject"), .text("reason"), .credits("credits"),
                .text("outcome"), .text("request_id"), .time("created_at"),
            ]),
    ]
}
