import Database

/// The day on which a subscription is to end, which need not be its period's last, and the
/// idempotency key under which a user's customer is being made.
func endsAndAttempts(_ sql: SQLDialect) -> [String] {
    [
        "ALTER TABLE subscriptions ADD COLUMN cancel_at \(sql.bigint)",
        // Until now an end was taken to be the period's.
        """
        UPDATE subscriptions SET cancel_at = (
            SELECT c.period_end FROM career_subscription_contexts c
            WHERE c.subscription_id = subscriptions.id)
        WHERE cancel_at_period_end = 1
        """,
        "ALTER TABLE checkouts ADD COLUMN customer_key TEXT",
    ]
}

/// The plan that follows at the end of what is paid, and when: both or neither.
func scheduledPlans(_ sql: SQLDialect) -> [String] {
    [
        """
        ALTER TABLE subscriptions
        ADD COLUMN scheduled_plan_id \(sql.uuid) REFERENCES plans (id)
        """,
        "ALTER TABLE subscriptions ADD COLUMN scheduled_at \(sql.bigint)",
    ]
}
