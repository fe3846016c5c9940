import Database

/// What the console's lists are ordered by. None of the tables is written by metering.
func consoleIndexes(_ sql: SQLDialect) -> [String] {
    [
        """
        CREATE INDEX subscriptions_unpaid ON subscriptions (user_id)
        WHERE status IN ('past_due', 'unpaid', 'incomplete')
        """,
        "CREATE INDEX stripe_events_by_receipt ON stripe_events (received_at, id)",
        "CREATE INDEX revoked_invoices_by_time ON revoked_invoices (revoked_at, invoice_id)",
    ]
}
