import Database

/// What the embedded broker carries.
func messageTables(_ sql: SQLDialect) -> [String] {
    [
        // `due_at` is the decisions' time, `leased_until` the wall's.
        """
        CREATE TABLE messages (
            id \(sql.uuid) PRIMARY KEY,
            queue TEXT NOT NULL,
            body TEXT NOT NULL,
            attempts \(sql.bigint) NOT NULL,
            reason TEXT,
            enqueued_at \(sql.bigint) NOT NULL,
            due_at \(sql.bigint) NOT NULL,
            leased_until \(sql.bigint) NOT NULL,
            died_at \(sql.bigint)
        )\(sql.tableOptions)
        """,
        "CREATE INDEX messages_due ON messages (due_at, id) WHERE died_at IS NULL",
    ]
}

/// What the RabbitMQ broker needs beside `messages`, and what keeps a message that is delivered
/// twice from mailing twice.
func rabbitMQTables(_ sql: SQLDialect) -> [String] {
    [
        // Tries that were begun of messages that RabbitMQ had handed out before.
        """
        CREATE TABLE message_tries (
            id \(sql.uuid) PRIMARY KEY,
            tries \(sql.bigint) NOT NULL
        )\(sql.keyedTableOptions)
        """,
        "ALTER TABLE mails ADD COLUMN sent_at \(sql.bigint)",
    ]
}

/// What lets each queue be claimed by itself, and tells a worker that died from one that lives.
func queueShares(_ sql: SQLDialect) -> [String] {
    [
        "DROP INDEX messages_due",
        """
        CREATE INDEX messages_due ON messages (queue, due_at, id)
        WHERE died_at IS NULL AND leased_until = 0
        """,
        """
        CREATE INDEX messages_leased ON messages (leased_until, id)
        WHERE died_at IS NULL AND leased_until > 0
        """,
        // Goes on rising while a worker has the message in work; 0 while none has.
        "ALTER TABLE message_tries ADD COLUMN beat \(sql.bigint) NOT NULL DEFAULT 0",
    ]
}

/// What is known of Stripe beside the subscription itself.
func billingTables(_ sql: SQLDialect) -> [String] {
    [
        // Each event that Stripe has sent, for good: Stripe repeats them for days.
        """
        CREATE TABLE stripe_events (
            id TEXT PRIMARY KEY,
            type TEXT NOT NULL,
            object_id TEXT,
            created_at \(sql.bigint) NOT NULL,
            received_at \(sql.bigint) NOT NULL
        )\(sql.tableOptions)
        """,
        // Who fetches a subscription takes the next ticket first; only what was fetched under a
        // higher ticket than the last applied one is written.
        """
        CREATE TABLE stripe_tickets (
            stripe_subscription_id TEXT PRIMARY KEY,
            issued \(sql.bigint) NOT NULL,
            applied \(sql.bigint) NOT NULL
        )\(sql.tableOptions)
        """,
        // Invoices whose money went back: refunded in full, or lost to a dispute.
        """
        CREATE TABLE revoked_invoices (
            invoice_id TEXT PRIMARY KEY,
            reason TEXT NOT NULL,
            revoked_at \(sql.bigint) NOT NULL
        )\(sql.tableOptions)
        """,
        // A user's latest checkout; `attempt` makes the idempotency key of the next one.
        """
        CREATE TABLE checkouts (
            user_id \(sql.uuid) PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
            attempt \(sql.bigint) NOT NULL,
            session_id TEXT,
            url TEXT,
            plan_id \(sql.uuid) NOT NULL,
            success_url TEXT NOT NULL,
            cancel_url TEXT NOT NULL,
            expires_at \(sql.bigint) NOT NULL
        )\(sql.tableOptions)
        """,
        // The instant a user was shown a price for; an upgrade that follows uses the same.
        """
        CREATE TABLE upgrade_previews (
            user_id \(sql.uuid) PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
            stripe_subscription_id TEXT NOT NULL,
            plan_id \(sql.uuid) NOT NULL,
            proration_date \(sql.bigint) NOT NULL
        )\(sql.tableOptions)
        """,
        // What an operator should know of and look after.
        """
        CREATE TABLE operator_notices (
            id \(sql.uuid) PRIMARY KEY,
            kind TEXT NOT NULL,
            subject TEXT NOT NULL UNIQUE,
            text TEXT NOT NULL,
            created_at \(sql.bigint) NOT NULL
        )\(sql.tableOptions)
        """,
    ]
}

/// Packs that users were shown a page for, with what each said then. A user's go with the user.
func packPurchases(_ sql: SQLDialect) -> [String] {
    packPurchases(sql, "pack_purchases", of: "user", in: "users")
}

/// The same of workspaces. A deleted team's stay under its closed account.
func packPurchasesOfWorkspaces(_ sql: SQLDialect) -> [String] {
    packPurchases(sql, "workspace_pack_purchases", of: "workspace", in: "workspaces")
}

private func packPurchases(
    _ sql: SQLDialect, _ table: String, of holder: String, in holders: String
) -> [String] {
    [
        """
        CREATE TABLE \(table) (
            id \(sql.uuid) PRIMARY KEY,
            \(holder)_id \(sql.uuid) NOT NULL REFERENCES \(holders) (id) ON DELETE CASCADE,
            pack_id \(sql.uuid) NOT NULL,
            pack_name TEXT NOT NULL,
            credits \(sql.bigint) NOT NULL CHECK (credits > 0),
            valid_days \(sql.bigint) CHECK (valid_days > 0),
            price_minor \(sql.bigint) NOT NULL CHECK (price_minor >= 0),
            currency TEXT NOT NULL CHECK (length(currency) = 3),
            success_url TEXT NOT NULL,
            cancel_url TEXT NOT NULL,
            session_id TEXT UNIQUE,
            url TEXT,
            created_at \(sql.bigint) NOT NULL,
            expires_at \(sql.bigint) NOT NULL,
            payment_intent_id TEXT UNIQUE,
            paid_at \(sql.bigint),
            paid_minor \(sql.bigint) CHECK (paid_minor >= 0),
            returned_minor \(sql.bigint) CHECK (returned_minor >= 0),
            is_disputed \(sql.bigint) CHECK (is_disputed IN (0, 1)),
            grant_id \(sql.uuid) UNIQUE,
            CHECK ((paid_at IS NULL) = (paid_minor IS NULL)),
            CHECK ((paid_at IS NULL) = (returned_minor IS NULL)),
            CHECK ((paid_at IS NULL) = (is_disputed IS NULL)),
            CHECK ((paid_at IS NULL) = (grant_id IS NULL))
        )\(sql.keyedTableOptions)
        """,
        "CREATE INDEX \(table)_of_\(holder) ON \(table) (\(holder)_id, id)",
    ]
}
