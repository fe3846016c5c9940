import Database

/// The ids at Stripe that a change led to: they change like the plan and the status, and the
/// history is to tell all of it. Lines from before know none.
func historysStripeIDs(_ sql: SQLDialect) -> [String] {
    [
        "ALTER TABLE subscription_changes ADD COLUMN stripe_customer_id TEXT",
        "ALTER TABLE subscription_changes ADD COLUMN stripe_subscription_id TEXT",
    ]
}
