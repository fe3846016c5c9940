import GRDB

/// The sandbox's tables. Stripe objects are kept as the JSON that goes over the wire, with the few
/// members beside them that lists and look-ups filter by.
package enum Schema {
    package static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in try db.execute(sql: tables) }
        migrator.registerMigration("2") { db in try db.execute(sql: moreCharges) }
        migrator.registerMigration("3") { db in try db.execute(sql: clocksAndDiscounts) }
        return migrator
    }

    /// What a reset empties; the settings (the clock's offset) stay.
    static let emptiedByReset = [
        "objects", "jobs", "deliveries", "idempotency", "customer_knobs", "billed_items",
    ]

    /// Every outcome of a charge can be chosen, for the next one or for all.
    private static let moreCharges = """
        CREATE TABLE new_customer_knobs (
            customer TEXT PRIMARY KEY,
            next_charge TEXT
                CHECK (next_charge IN ('ok', 'decline', 'authenticate', 'processing')),
            card TEXT NOT NULL DEFAULT 'ok'
                CHECK (card IN ('ok', 'decline', 'authenticate', 'processing'))
        );
        INSERT INTO new_customer_knobs SELECT * FROM customer_knobs;
        DROP TABLE customer_knobs;
        ALTER TABLE new_customer_knobs RENAME TO customer_knobs;
        """

    /// Work of customers who have a clock of their own; what discounts left of a price.
    private static let clocksAndDiscounts = """
        ALTER TABLE jobs ADD COLUMN clock TEXT;
        ALTER TABLE billed_items ADD COLUMN kept INTEGER NOT NULL DEFAULT 10000;
        CREATE INDEX jobs_by_clock ON jobs (clock, due_at, id);
        """

    private static let tables = """
        CREATE TABLE objects (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL,
            customer TEXT,
            parent TEXT,
            status TEXT,
            lookup TEXT,
            created INTEGER NOT NULL,
            body TEXT NOT NULL
        );
        CREATE INDEX objects_by_kind ON objects (kind, sequence);
        CREATE INDEX objects_by_customer ON objects (customer, kind) WHERE customer IS NOT NULL;
        CREATE INDEX objects_by_parent ON objects (parent, kind) WHERE parent IS NOT NULL;
        CREATE INDEX objects_by_lookup ON objects (lookup, kind) WHERE lookup IS NOT NULL;

        CREATE TABLE jobs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            due_at INTEGER NOT NULL,
            kind TEXT NOT NULL,
            subject TEXT NOT NULL
        );
        CREATE INDEX jobs_by_time ON jobs (due_at, id);
        CREATE INDEX jobs_by_subject ON jobs (subject, kind);

        CREATE TABLE deliveries (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            event TEXT NOT NULL,
            endpoint TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('pending', 'held', 'delivered', 'failed')),
            attempts INTEGER NOT NULL DEFAULT 0,
            next_attempt_ms INTEGER NOT NULL,
            place INTEGER NOT NULL,
            in_order INTEGER NOT NULL DEFAULT 0,
            last_error TEXT
        );
        CREATE INDEX deliveries_by_state ON deliveries (state, next_attempt_ms, place);
        CREATE INDEX deliveries_by_event ON deliveries (event);

        CREATE TABLE idempotency (
            key TEXT PRIMARY KEY,
            fingerprint TEXT NOT NULL,
            status INTEGER NOT NULL,
            body TEXT NOT NULL,
            created INTEGER NOT NULL
        );

        CREATE TABLE customer_knobs (
            customer TEXT PRIMARY KEY,
            next_charge TEXT CHECK (next_charge IN ('ok', 'decline', 'authenticate')),
            card TEXT NOT NULL DEFAULT 'ok' CHECK (card IN ('ok', 'decline'))
        );

        CREATE TABLE billed_items (
            item TEXT PRIMARY KEY,
            price TEXT NOT NULL,
            quantity INTEGER NOT NULL,
            invoice TEXT,
            line TEXT
        );

        CREATE TABLE settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
        """
}
