import GRDB
import JSON

// Events: docs.stripe.com/api/events. An event and its deliveries are written in the database
// transaction of the change that they tell of.

extension Account {
    func emit(_ type: String, _ object: JSONValue, previous: JSONValue? = nil) throws {
        let settings = knobs.webhooks
        var data: JSONObject = ["object": try snapshot(of: object, type: type)]
        if let previous { data["previous_attributes"] = object.previousValues(in: previous) }
        let endpoints = try endpoints(for: type)
        for _ in 0..<(settings.twoEventIDs ? 2 : 1) {
            let id = newID("evt")
            let event: JSONValue = [
                "id": .string(id), "object": "event",
                "api_version": .string(APIVersion.current.description),
                "created": .int(sandboxTime), "data": .object(data), "livemode": false,
                "pending_webhooks": .int(Int64(endpoints.count)),
                "request": [
                    "id": .text(request.id), "idempotency_key": .text(request.idempotencyKey),
                ],
                "type": .string(type),
            ]
            try save(event)
            // What is held is kept once: the mode that lets go of it says how often it is sent.
            let isHeld = settings.holds(type)
            for endpoint in endpoints {
                for _ in 0..<(isHeld ? 1 : settings.times) {
                    try enqueue(event: id, to: endpoint, held: isHeld)
                }
            }
        }
    }

    /// The object at the time of the event, or an older picture of a subscription where a test has
    /// asked for one.
    private func snapshot(of object: JSONValue, type: String) throws -> JSONValue {
        guard type.hasPrefix("customer.subscription."), let id = object["id"]?.string,
            knobs.takeStale(id)
        else { return object }
        let earlier = try all(.event, .parent, is: id).last
        return earlier?.at("data", "object") ?? object
    }

    private func enqueue(event: String, to endpoint: String, held: Bool) throws {
        try Delivery.checkRoom(db, for: 1)
        try db.execute(
            sql: """
                INSERT INTO deliveries (event, endpoint, state, next_attempt_ms, place)
                VALUES (?, ?, ?, ?, (SELECT coalesce(max(id), 0) + 1 FROM deliveries))
                """,
            arguments: [event, endpoint, held ? "held" : "pending", WallClock.milliseconds()])
    }

    func retrieveEvent(_ id: String) throws -> JSONValue {
        try withPendingCount(try get(.event, id))
    }

    func listEvents(_ parameters: Parameters) throws -> JSONValue {
        // `*` stands for the rest of a group's names (docs.stripe.com/api/events/list).
        let type = parameters.text("type")
        let group = type.flatMap { $0.hasSuffix("*") ? $0 : nil }
        let types = parameters.strings("types") + [group == nil ? type : nil].compactMap { $0 }
        var list = try page(
            .event, parameters, url: "/v1/events", anyOf: (.lookup, types),
            matching: [("lookup GLOB ?", group)])
        let data = try (list["data"]?.array ?? []).map { try withPendingCount($0) }
        list.set("data", to: .array(data))
        return list
    }

    private func withPendingCount(_ event: JSONValue) throws -> JSONValue {
        var event = event
        let waiting = try Int64.fetchOne(
            db,
            sql: """
                SELECT count(DISTINCT endpoint) FROM deliveries
                WHERE event = ? AND state IN ('pending', 'held')
                """, arguments: [event["id"]?.string])
        event.set("pending_webhooks", to: .int(waiting ?? 0))
        return event
    }
}
