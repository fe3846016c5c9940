import Database
import LedgerStore
import Values

/// A table as an export carries it: the same on every engine.
package struct PortableTable: Sendable {
    /// How a value is written: integers (micro-credits and microseconds among them) as numbers,
    /// UUIDs in their usual text, bytes in hexadecimal.
    package enum Kind: String, Sendable {
        case integer
        case text
        case uuid
        case bytes
    }

    package struct Column: Sendable {
        package let name: String
        package let kind: Kind
        /// What is read in its place, where the value means nothing outside this process.
        let expression: String
        /// What an integer may be, since the service reads no other: an import refuses it.
        let range: ClosedRange<Int64>

        private init(
            _ name: String, _ kind: Kind, in range: ClosedRange<Int64> = .min ... .max,
            expression: String? = nil
        ) {
            self.name = name
            self.kind = kind
            self.range = range
            self.expression = expression ?? name
        }

        fileprivate func named(_ other: String) -> Column {
            Column(
                other, kind, in: range, expression: expression == name ? other : expression)
        }

        /// A whole number that is not negative, such as a count.
        package static func count(_ name: String) -> Column {
            Column(name, .integer, in: RowReader.counts)
        }
        static func flag(_ name: String) -> Column { Column(name, .integer, in: 0...1) }
        /// Microseconds since 1970.
        static func time(_ name: String) -> Column { Column(name, .integer, in: Timestamp.range) }
        static func seconds(_ name: String) -> Column {
            Column(name, .integer, in: Timestamp.rangeOfSeconds)
        }
        static func credits(_ name: String) -> Column { Column(name, .integer, in: Credits.range) }
        static func number(_ name: String, in range: ClosedRange<Int64>) -> Column {
            Column(name, .integer, in: range)
        }
        /// What means nothing outside the process that wrote it, and is nothing in an export.
        static func zero(_ name: String) -> Column {
            Column(name, .integer, in: 0...0, expression: "CAST(0 AS BIGINT)")
        }
        package static func text(_ name: String) -> Column { Column(name, .text) }
        package static func uuid(_ name: String) -> Column { Column(name, .uuid) }
        package static func bytes(_ name: String) -> Column { Column(name, .bytes) }
    }

    package let name: String
    /// The primary key, by which the rows are ordered.
    let key: [String]
    package let columns: [Column]

    package init(_ name: String, key: String..., columns: [Column]) {
        self.init(name, keys: key, columns: columns)
    }

    private init(_ name: String, keys: [String], columns: [Column]) {
        self.name = name
        self.key = keys
        self.columns = columns
    }

    /// The same table of another product.
    ///
    /// - Parameters:
    ///   - name: of the other table.
    ///   - columns: those that have another name there.
    ///   - more: columns that it has beside.
    func twin(
        _ name: String, renaming columns: [String: String], without left: Set<String>,
        more: [Column]
    ) -> PortableTable {
        func renamed(_ column: String) -> String { columns[column] ?? column }
        return PortableTable(
            name, keys: key.map(renamed),
            columns: self.columns.filter { !left.contains($0.name) }
                .map { $0.named(renamed($0.name)) } + more)
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
    /// Every table but `schema_migrations`, which the export's header speaks for. A table stands
    /// after those that it refers to; `installation` is last: its row ends an import.
    package static let all =
        catalog + identity + ledger + apiLedger + history + billing + operators + workspaces
        + workspacePurchases + [installation]

    private static let catalog = [
        PortableTable(
            "plans", key: "id",
            columns: [
                .uuid("id"), .text("name"), .text("description"), .count("price_minor"),
                .text("currency"), .text("display_price"), .text("type"),
                .number("trial_days", in: CatalogTables.integers),
                .flag("is_active"), .number("rank", in: CatalogTables.integers), .text("features"),
                .text("lookup_key"), .time("updated_at"), .text("product"),
                .count("seat_price_minor"), .count("min_seats"), .count("max_seats"),
                .text("seat_lookup_key"), .text("billing_interval"),
            ]),
        PortableTable(
            "plan_pricing_rules", key: "plan_id",
            columns: [
                .uuid("plan_id"), .number("multiplier", in: Multiplier.range),
                .credits("credits_allocation"),
                .count("rate_limit_per_minute"), .count("rate_limit_per_day"),
                .credits("rollover_max_credits"), .count("rollover_periods"),
            ]),
        PortableTable(
            "feature_cost_configs", key: "feature_key",
            columns: [
                .text("feature_key"), .text("product_type"), .credits("internal_cost_credits"),
                .flag("is_active"), .text("token_prices"), .credits("default_hold"),
                .count("maximum_hold_seconds"), .text("overuse"), .count("late_commit_seconds"),
            ]),
        PortableTable(
            "credit_packs", key: "id",
            columns: [
                .uuid("id"), .text("name"), .count("price_minor"), .text("currency"),
                .credits("credits"), .count("valid_days"), .text("lookup_key"),
                .flag("is_active"), .time("updated_at"), .text("product"),
            ]),
        PortableTable(
            "former_catalogs", key: "revision",
            columns: [
                .count("revision"), .text("features"), .text("multipliers"),
                .time("replaced_at"),
            ]),
        PortableTable(
            "catalog_revisions", key: "revision",
            columns: [
                .count("revision"), .text("file"), .flag("is_published"), .text("made_by"),
                .text("reason"), .time("created_at"),
            ]),
    ]

    private static let identity = [
        PortableTable(
            "users", key: "id",
            columns: [
                .uuid("id"), .text("email"), .text("email_key"), .time("email_verified_at"),
                .text("password_hash"), .text("full_name"), .text("issuer"), .text("subject"),
                .flag("is_active"), .time("created_at"), .time("updated_at"),
                .text("provider_name"), .time("profile_told_at"), .time("deletion_began_at"),
                .text("time_zone"),
            ]),
        PortableTable(
            "one_time_codes", key: "user_id", "purpose", "network",
            columns: [
                .uuid("user_id"), .text("purpose"), .bytes("network"), .bytes("code_hash"),
                .time("created_at"), .time("expires_at"),
            ]),
        PortableTable(
            "sessions", key: "id",
            columns: [
                .uuid("id"), .uuid("user_id"), .text("device_info"), .flag("remember_me"),
                .time("created_at"), .time("expires_at"), .time("revoked_at"),
                .bytes("page_hash"),
            ]),
        PortableTable(
            "form_tokens", key: "token_hash",
            columns: [.bytes("token_hash"), .time("begun_at"), .text("outcome")]),
        PortableTable(
            "refresh_tokens", key: "token_hash",
            columns: [
                .bytes("token_hash"), .uuid("session_id"), .time("created_at"),
                .time("expires_at"), .time("used_at"),
            ]),
        PortableTable(
            "auth_throttles", key: "bucket",
            columns: [.bytes("bucket"), .count("failures"), .time("window_started_at")]),
        PortableTable(
            "mails", key: "id",
            columns: [
                .uuid("id"), .uuid("user_id"), .text("recipient"), .text("subject"),
                .text("text"), .text("html"), .bytes("sealed_code"), .time("created_at"),
                .time("sent_at"),
            ]),
        PortableTable(
            "former_accounts", key: "email_hash",
            columns: [
                .bytes("email_hash"), .flag("trial_used"), .time("period_anchor"),
                .time("period_start"), .time("period_end"), .credits("credits_remaining"),
                .time("deleted_at"), .flag("has_bought"),
            ]),
    ]

    static let installation = PortableTable(
        "installation", key: "id",
        columns: [
            .count("id"), .bytes("secret"), .time("clock_offset"),
            .count("catalog_revision"),
        ])
}
