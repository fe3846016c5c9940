extension PortableTable {
    /// Results of calls, and how much each user's take.
    static let history = [
        PortableTable(
            "career_analysis_results", key: "id",
            columns: [
                .uuid("id"), .uuid("user_id"), .uuid("usage_id"), .text("feature_key"),
                .text("title"), .text("data"), .count("bytes"), .time("created_at"),
            ]),
        PortableTable(
            "career_analysis_totals", key: "user_id",
            columns: [.uuid("user_id"), .count("bytes")]),
    ]
}
