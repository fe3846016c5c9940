import GRDB
import JSON

// Test clocks: docs.stripe.com/api/test_clocks. A customer that is made with one goes by it, and so
// does all that is the customer's. Its time stands still between the steps. Everybody else goes by
// the sandbox's own clock, which no test clock moves.

extension Account {
    static let clockLifetime = 30 * CalendarDates.secondsPerDay
    /// How far a clock goes at once without a subscription: two years.
    static let longestStep = 2 * 366 * CalendarDates.secondsPerDay
    static let earliestTime: Int64 = 0
    static let latestTime: Int64 = 253_402_300_799

    func createTestClock(_ parameters: Parameters) throws -> JSONValue {
        guard let time = try parameters.int("frozen_time") else {
            throw StripeError.invalid(
                "Missing required param: frozen_time.", param: "frozen_time",
                code: "parameter_missing")
        }
        guard (Self.earliestTime...Self.latestTime).contains(time) else {
            throw StripeError.invalid("Invalid timestamp.", param: "frozen_time")
        }
        let id = newID("clock")
        let made: JSONValue = [
            "id": .string(id), "object": "test_helpers.test_clock", "created": .int(sandboxTime),
            "deletes_after": .int(sandboxTime + Self.clockLifetime), "frozen_time": .int(time),
            "livemode": false, "name": .text(parameters.text("name")), "status": "ready",
            "status_details": [:],
        ]
        try save(made)
        if let customer = parameters.text("customer") { try give(id, to: customer) }
        clock = nil
        try schedule(.deleteClock, id, at: sandboxTime + Self.clockLifetime)
        try emit("test_helpers.test_clock.created", made)
        return made
    }

    /// A customer that has nothing yet can be given a clock afterwards.
    private func give(_ clock: String, to id: String) throws {
        let old = try getLive(.customer, id, param: "customer")
        guard old["test_clock"]?.string == nil, try all(.subscription, .customer, is: id).isEmpty
        else {
            throw StripeError.invalid(
                "The customer has a test clock or subscriptions already.", param: "customer")
        }
        var customer = old
        customer.set("test_clock", to: .string(clock))
        try save(customer)
        try emit("customer.updated", customer, previous: old)
    }

    /// Answers `advancing`; the work is done after the answer, and `ready` says so.
    func advanceTestClock(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        var clock = try getLive(.testClock, id)
        guard clock["status"] == "ready" else {
            throw StripeError.invalid(
                "Test clock advancement underway - cannot perform modifications.")
        }
        let frozen = clock["frozen_time"]?.int ?? 0
        guard let time = try parameters.int("frozen_time"), time > frozen else {
            throw StripeError.invalid(
                "Invalid frozen_time: must be later than the clock's time.",
                param: "frozen_time")
        }
        guard time <= (try furthestStep(of: id, from: frozen)) else {
            throw StripeError.invalid(
                "Test clocks can be advanced by at most two intervals of the shortest "
                    + "subscription, or two years.", param: "frozen_time")
        }
        clock.set("status", to: "advancing")
        clock.set("status_details", "advancing", to: ["target_frozen_time": .int(time)])
        try save(clock)
        try emit("test_helpers.test_clock.advancing", clock)
        return clock
    }

    private func furthestStep(of clock: String, from time: Int64) throws -> Int64 {
        let ends = try customers(of: clock).flatMap { customer in
            try all(.subscription, .customer, is: customer["id"]?.string ?? "")
                .filter { !Self.isEnded($0) }.flatMap { SubscriptionItem.all(of: $0) }
        }.map { item in
            let first = item.terms.interval.cycle(containing: time, anchor: time).end
            return item.terms.interval.boundary(after: first, anchor: time)
        }
        return ends.min() ?? time + Self.longestStep
    }

    private func customers(of clock: String) throws -> [JSONValue] {
        let bodies = try String.fetchAll(
            db,
            sql: """
                SELECT body FROM objects
                WHERE kind = 'customer' AND json_extract(body, '$.test_clock') = ?
                ORDER BY sequence
                """, arguments: [clock])
        return try bodies.map { try JSONValue.parse($0) }
    }

    /// Does what falls due by the clocks that are on their way.
    func finishAdvancing() throws {
        for clock in try all(.testClock, .status, is: "advancing") {
            let target = clock.at("status_details", "advancing", "target_frozen_time")?.int
            guard let id = clock["id"]?.string, let target else { continue }
            let theirs = Account(
                db: db, now: clock["frozen_time"]?.int ?? 0, request: .clock, baseURL: baseURL,
                knobs: knobs)
            theirs.clock = id
            theirs.sandboxTime = sandboxTime
            let result = try attempt { try theirs.processDue(until: target) }
            var stopped = clock
            stopped.set("status_details", to: [:])
            if case .success = result {
                stopped.set("status", to: "ready")
                stopped.set("frozen_time", to: .int(target))
            } else {
                stopped.set("status", to: "internal_failure")
            }
            try save(stopped)
            let word = stopped["status"]?.string ?? ""
            try emit("test_helpers.test_clock.\(word)", stopped)
        }
    }

    /// Deleting a clock deletes the customers that go by it, and all that is theirs.
    func deleteTestClock(_ id: String) throws -> JSONValue {
        guard let clock = try find(.testClock, id), clock["deleted"]?.bool != true else {
            throw StripeError.missing(.testClock, id)
        }
        for customer in try customers(of: id) {
            let owner = customer["id"]?.string ?? ""
            try db.execute(
                sql: "DELETE FROM objects WHERE customer = ? AND kind <> 'event'",
                arguments: [owner])
            _ = try replaceWithStub(.customer, owner)
            try emit("customer.deleted", customer)
        }
        try db.execute(sql: "DELETE FROM jobs WHERE clock = ?", arguments: [id])
        try unscheduleAll(of: id)
        try emit("test_helpers.test_clock.deleted", clock)
        return try replaceWithStub(.testClock, id)
    }

    // MARK: Whose time it is

    /// Goes by the clock of the customer whom a request is about.
    func followClock(_ id: String, _ parameters: Parameters, changes: Bool) throws {
        let named = ["customer", "subscription", "invoice", "payment_intent", "charge"]
            .compactMap { parameters.text($0) }
        let nested = [
            parameters.text("payment", "payment_intent"),
            parameters.text("subscription_details", "subscription"),
        ].compactMap { $0 }
        for name in [id] + named + nested where !name.isEmpty {
            if let clock = try clock(of: name) { return try follow(clock, changes: changes) }
        }
        if changes, let own = parameters.text("test_clock") {
            _ = try getLive(.testClock, own, param: "test_clock")
            try follow(own, changes: changes)
        }
    }

    private func clock(of id: String) throws -> String? {
        guard let object = try findAny(id) else { return nil }
        if let clock = object["test_clock"]?.string { return clock }
        for owner in ["customer", "charge", "payment_intent"] {
            guard let name = object[owner]?.string, name != id else { continue }
            if let clock = try clock(of: name) { return clock }
        }
        return nil
    }

    private func follow(_ id: String, changes: Bool) throws {
        guard let found = try find(.testClock, id), let time = found["frozen_time"]?.int else {
            return
        }
        guard !changes || found["status"] != "advancing" else {
            throw StripeError.invalid(
                "Test clock advancement underway - cannot perform modifications.")
        }
        clock = id
        now = time
    }
}
