import GRDB
import JSON

/// One webhook that is due at one endpoint.
struct Delivery: Sendable {
    /// Deliveries that may wait at once; a receiver that is away for longer must be reset.
    static let maximumWaiting = 50_000

    let id: Int64
    let attempts: Int
    let body: String
    let url: String
    let secret: String
    let isInOrder: Bool

    /// What is due by the machine's clock, in the order of the changes.
    static func due(
        _ db: Database, limit: Int, inVersion forced: APIVersion? = nil
    ) throws -> [Delivery] {
        // An endpoint that was deleted gets nothing any more.
        try db.execute(
            sql: """
                UPDATE deliveries SET state = 'failed', last_error = 'the endpoint was deleted'
                WHERE state = 'pending' AND endpoint NOT IN (SELECT id FROM objects
                    WHERE kind = 'webhook_endpoint')
                """)
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT d.id, d.attempts, d.in_order, e.body AS event, w.body AS endpoint,
                    (SELECT count(DISTINCT o.endpoint) FROM deliveries o
                     WHERE o.event = d.event AND o.state IN ('pending', 'held')) AS waiting
                FROM deliveries d JOIN objects e ON e.id = d.event
                    JOIN objects w ON w.id = d.endpoint
                WHERE d.state = 'pending' AND d.next_attempt_ms <= ?
                ORDER BY d.place, d.id LIMIT ?
                """, arguments: [WallClock.milliseconds(), limit])
        return try rows.map { row in
            let eventText: String = row["event"]
            let endpointText: String = row["endpoint"]
            var event = try JSONValue.parse(eventText)
            let endpoint = try JSONValue.parse(endpointText)
            event.set("pending_webhooks", to: .int(row["waiting"]))
            let own = endpoint["api_version"]?.string.flatMap { APIVersion($0) }
            try render(&event, in: forced ?? own ?? .current, db)
            return Delivery(
                id: row["id"], attempts: row["attempts"], body: event.prettyText,
                url: endpoint["url"]?.string ?? "", secret: endpoint["secret"]?.string ?? "",
                isInOrder: row["in_order"])
        }
    }

    /// An endpoint hears of everything in the version that it was made with.
    private static func render(
        _ event: inout JSONValue, in version: APIVersion, _ db: Database
    ) throws {
        event.set("api_version", to: .string(version.description))
        let shapes = OlderShapes(db: db, version: version)
        let object = try shapes.shaped(event.at("data", "object") ?? .null)
        event.set("data", "object", to: object)
        guard let previous = event.at("data", "previous_attributes") else { return }
        event.set(
            "data", "previous_attributes", to: try shapes.shaped(previous: previous, of: object))
    }

    /// Delivered, to be tried again, or given up.
    func record(problem: String?, retryDelays: [Duration], _ db: Database) throws {
        guard let problem else {
            return try db.execute(
                sql: """
                    UPDATE deliveries SET state = 'delivered', attempts = attempts + 1
                    WHERE id = ?
                    """, arguments: [id])
        }
        let hasRetry = retryDelays.indices.contains(attempts)
        let wait = hasRetry ? retryDelays[attempts].components : (seconds: 0, attoseconds: 0)
        let milliseconds = wait.seconds * 1_000 + wait.attoseconds / 1_000_000_000_000_000
        try db.execute(
            sql: """
                UPDATE deliveries SET state = ?, attempts = attempts + 1, last_error = ?,
                    next_attempt_ms = ?
                WHERE id = ?
                """,
            arguments: [
                hasRetry ? "pending" : "failed", problem,
                WallClock.milliseconds() + milliseconds, id,
            ])
    }

    /// How many wait, are held, arrived and were given up.
    static func counts(_ db: Database) throws -> JSONValue {
        var counts: JSONObject = ["pending": 0, "held": 0, "delivered": 0, "failed": 0]
        let rows = try Row.fetchAll(
            db, sql: "SELECT state, count(*) AS number FROM deliveries GROUP BY state")
        for row in rows {
            let state: String = row["state"]
            counts[state] = .int(row["number"])
        }
        return .object(counts)
    }

    /// Those that wait: all of them, or only those whose time has come.
    static func waiting(_ db: Database, includingRetries: Bool) throws -> Int {
        let latest = includingRetries ? Int64.max : WallClock.milliseconds()
        return try Int.fetchOne(
            db,
            sql: """
                SELECT count(*) FROM deliveries WHERE state = 'pending' AND next_attempt_ms <= ?
                """, arguments: [latest]) ?? 0
    }

    /// Refuses more than may wait.
    static func checkRoom(_ db: Database, for number: Int) throws {
        let waiting =
            try Int.fetchOne(
                db, sql: "SELECT count(*) FROM deliveries WHERE state IN ('pending', 'held')") ?? 0
        guard waiting + number <= maximumWaiting else {
            throw StripeError(503, "api_error", "Too many webhooks wait to be delivered.")
        }
    }

    /// Lets go of what is held, each event so many times, in the order of the changes or in a
    /// shuffled one.
    static func release(_ db: Database, times: Int, shuffledBy seed: UInt64?) throws {
        let held = try Int64.fetchAll(
            db, sql: "SELECT id FROM deliveries WHERE state = 'held' ORDER BY place, id")
        try checkRoom(db, for: held.count * (times - 1))
        var ids = held.flatMap { Array(repeating: $0, count: times) }
        if let seed {
            var random = SeededRandom(state: seed)
            ids.shuffle(using: &random)
        }
        let first = try Int64.fetchOne(db, sql: "SELECT coalesce(max(place), 0) FROM deliveries")
        for (place, id) in ids.enumerated() {
            try db.execute(
                sql: """
                    INSERT INTO deliveries
                        (event, endpoint, state, next_attempt_ms, place, in_order)
                    SELECT event, endpoint, 'pending', ?, ?, 1 FROM deliveries WHERE id = ?
                    """,
                arguments: [WallClock.milliseconds(), (first ?? 0) + Int64(place) + 1, id])
        }
        try db.execute(sql: "DELETE FROM deliveries WHERE state = 'held'")
    }
}

/// SplitMix64: the same order for the same seed, on every machine.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
