import JSON

// Test clocks: docs.stripe.com/api/test_clocks. A thin cover: every clock is the sandbox's own, so
// advancing one advances them all, and time goes on between the steps. Nothing goes back in time: a
// clock that is asked for in the past stands at the sandbox's now.

extension Sandbox {
    /// The test clock is kept only once the sandbox's clock stands where it begins: of one that is
    /// refused nothing is left.
    func createTestClock(_ parameters: Parameters) async throws -> JSONValue {
        guard let time = try parameters.int("frozen_time") else {
            throw StripeError.invalid(
                "Missing required param: frozen_time.", param: "frozen_time",
                code: "parameter_missing")
        }
        let name = parameters.text("name")
        let reached = try await advance(to: time)
        return try await perform { try $0.createTestClock(name: name, frozenTime: reached) }
    }

    /// The clock moves before the answer is given. A time that lies ahead of the test clock, though
    /// the sandbox's clock is past it by now, moves nothing.
    func advanceTestClock(_ id: String, _ parameters: Parameters) async throws -> JSONValue {
        let clock = try await perform { try $0.getLive(.testClock, id) }
        guard let time = try parameters.int("frozen_time"), time > clock.frozenTime else {
            throw StripeError.invalid(
                "Invalid frozen_time: must be later than the clock's time.",
                param: "frozen_time")
        }
        let reached = try await advance(to: time)
        return try await perform { try $0.setFrozenTime(of: id, to: reached) }
    }
}

extension Account {
    func createTestClock(name: String?, frozenTime: Int64) throws -> JSONValue {
        let clock: JSONValue = [
            "id": .string(newID("clock")), "object": "test_helpers.test_clock",
            "created": .int(now), "deletes_after": .int(now + 30 * CalendarDates.secondsPerDay),
            "frozen_time": .int(frozenTime), "livemode": false, "name": .text(name),
            "status": "ready", "status_details": [:],
        ]
        try save(clock)
        return clock
    }

    /// Where the test clock stands from now on, unless another request has taken it further.
    func setFrozenTime(of id: String, to time: Int64) throws -> JSONValue {
        var clock = try getLive(.testClock, id)
        clock.set("frozen_time", to: .int(max(time, clock.frozenTime)))
        try save(clock)
        return clock
    }

    func deleteTestClock(_ id: String) throws -> JSONValue {
        _ = try getLive(.testClock, id)
        return try replaceWithStub(.testClock, id)
    }
}

extension JSONValue {
    /// Where a test clock stands.
    fileprivate var frozenTime: Int64 { self["frozen_time"]?.int ?? 0 }
}
