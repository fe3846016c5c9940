import Database

/// Plans that are paid by the year, and the year that an account's period is a month of.
func yearlyPlans(_ sql: SQLDialect) -> [String] {
    let account = "ALTER TABLE career_subscription_contexts ADD COLUMN"
    let ofYear = "IS NULL) = (year_invoice_id IS NULL)"
    return [
        """
        ALTER TABLE plans ADD COLUMN billing_interval TEXT NOT NULL DEFAULT 'month'
            CHECK (billing_interval = 'month'
                OR billing_interval = 'year' AND type = 'paid')
        """,
        "\(account) year_invoice_id TEXT",
        "\(account) year_start \(sql.bigint) CHECK ((year_start \(ofYear))",
        """
        \(account) year_end \(sql.bigint)
            CHECK ((year_end \(ofYear))
        """,
        "\(account) year_plan_id \(sql.uuid) CHECK ((year_plan_id \(ofYear))",
        """
        \(account) year_withheld \(sql.bigint)
            CHECK ((year_withheld \(ofYear) AND (year_withheld IS NULL OR year_withheld >= 0))
        """,
        // The invoice of the year of whose end the user was told.
        "\(account) year_told_id TEXT",
        """
        CREATE INDEX contexts_by_year ON career_subscription_contexts (year_end)
        WHERE year_end IS NOT NULL
        """,
    ]
}

/// Of what amount is withheld what is withheld, and when Stripe was last asked what an account is
/// charged next. Processes of the version before, which do not know the columns, go on beside them:
/// one that ends a year leaves its share, so no CHECK binds the two.
func sharesAndPricesOfYears(_ sql: SQLDialect) -> [String] {
    let account = "ALTER TABLE career_subscription_contexts ADD COLUMN"
    return [
        """
        \(account) year_withheld_of \(sql.bigint)
            CHECK (year_withheld_of IS NULL OR year_withheld_of > 0)
        """,
        "\(account) renewal_asked_at \(sql.bigint)",
        """
        CREATE INDEX subscriptions_by_schedule ON subscriptions (scheduled_at)
        WHERE scheduled_at IS NOT NULL
        """,
    ]
}
