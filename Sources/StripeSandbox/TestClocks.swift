import JSON

// Test clocks: docs.stripe.com/api/test_clocks. A thin cover: every clock is the sandbox's own, so
// advancing one advances them all, and time goes on between the steps.

extension Account {
    func createTestClock(_ parameters: Parameters) throws -> JSONValue {
        guard let time = try parameters.int("frozen_time") else {
            throw StripeError.invalid(
                "Missing required param: frozen_time.", param: "frozen_time",
                code: "parameter_missing")
        }
        let clock: JSONValue = [
            "id": .string(newID("clock")), "object": "test_helpers.test_clock",
            "created": .int(now), "deletes_after": .int(now + 30 * CalendarDates.secondsPerDay),
            "frozen_time": .int(max(time, now)), "livemode": false,
            "name": .text(parameters.text("name")), "status": "ready", "status_details": [:],
        ]
        try save(clock)
        return clock
    }

    func deleteTestClock(_ id: String) throws -> JSONValue {
        _ = try getLive(.testClock, id)
        return try replaceWithStub(.testClock, id)
    }

    func setFrozenTime(_ id: String) throws -> JSONValue {
        var clock = try getLive(.testClock, id)
        clock.set("frozen_time", to: .int(now))
        try save(clock)
        return clock
    }
}

extension Sandbox {
    func moveTestClockToItsTime(_ clock: JSONValue) async throws {
        guard let time = clock["frozen_time"]?.int else { return }
        try await advance(by: max(0, time - now()))
    }

    /// The clock moves before the answer is given.
    func advanceTestClock(_ id: String, _ parameters: Parameters) async throws -> JSONValue {
        _ = try await perform { try $0.getLive(.testClock, id) }
        guard let time = try parameters.int("frozen_time"), time > now() else {
            throw StripeError.invalid(
                "Invalid frozen_time: must be later than the clock's time.",
                param: "frozen_time")
        }
        try await advance(by: time - now())
        return try await perform { try $0.setFrozenTime(id) }
    }
}
