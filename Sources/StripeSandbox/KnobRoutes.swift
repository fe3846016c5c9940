import GRDB
import JSON

/// What tests turn, under `/_test`, in JSON. Nothing here exists at Stripe.
struct KnobRoutes: Sendable {
    static let longestHang: Int64 = 120
    private static let webhookModes = ["deliver", "hold", "release", "shuffle", "duplicate"]

    let sandbox: Sandbox

    func answer(_ call: Call) async -> Answer {
        do {
            return .json(try await handled(call))
        } catch let error as StripeError {
            return .json(error.body, status: error.status)
        } catch {
            let failure = StripeError(500, "api_error", "The sandbox failed: \(error)")
            return .json(failure.body, status: 500)
        }
    }

    private func handled(_ call: Call) async throws -> JSONValue {
        let body = try parsed(call.body)
        let path = call.path.split(separator: "/").dropFirst().map(String.init)
        switch (call.method, path.first ?? "", path.count) {
        case ("GET", "clock", 1): return ["now": .int(sandbox.now())]
        case ("POST", "clock", 1): return try await moveClock(body)
        case ("POST", "settle", 1):
            try await sandbox.settle()
            return ["now": .int(sandbox.now())]
        case ("GET", "webhooks", 1): return try await counts()
        case ("POST", "webhooks", 1): return try await setWebhooks(body)
        case ("POST", "webhooks", 2) where path[1] == "settle": return try await settle(body)
        case ("POST", "customers", 2): return try await setCustomer(path[1], body)
        case ("POST", "stale", 1):
            sandbox.knobs.addStale(try text("subscription", body))
            return ["ok": true]
        case ("POST", "dunning", 1): return try setDunning(body)
        case ("POST", "undo", 1): return try setUndo(body)
        case ("POST", "faults", 1): return try addFault(body)
        case ("POST", "refunds", 1), ("POST", "disputes", 1):
            return try await chargeback(path[0], body)
        case ("POST", "payments", 1): return try await settlePayment(body)
        case ("GET", "routes", 1): return ["routes": .array(Route.all.map(\.description))]
        case ("GET", "requests", 1):
            return ["requests": .array(sandbox.knobs.loggedRequests)]
        case ("POST", "reset", 1): return try await reset()
        default:
            throw StripeError(
                404, "invalid_request_error",
                "Unrecognized request URL (\(call.method): \(call.path)).")
        }
    }

    private func parsed(_ body: String) throws -> JSONValue {
        guard !body.isEmpty else { return [:] }
        do {
            let value = try JSONValue.parse(body)
            if value.object != nil { return value }
            throw StripeError.invalid("The body must be a JSON object.")
        } catch let error as JSONSyntaxError {
            throw StripeError.invalid("The body is not JSON: \(error)")
        }
    }

    private func text(_ name: String, _ body: JSONValue) throws -> String {
        if let value = body[name]?.string { return value }
        throw StripeError.invalid("\(name) must be a string", param: name)
    }

    private func moveClock(_ body: JSONValue) async throws -> JSONValue {
        guard let seconds = body["advance_seconds"]?.int else {
            throw StripeError.invalid(
                "advance_seconds must be an integer", param: "advance_seconds")
        }
        try await sandbox.advance(by: seconds)
        return ["now": .int(sandbox.now())]
    }

    // MARK: Webhooks

    private func counts() async throws -> JSONValue {
        try await sandbox.queue.read { try Delivery.counts($0) }
    }

    private func settle(_ body: JSONValue) async throws -> JSONValue {
        let seconds = min(body["timeout_seconds"]?.int ?? 20, Self.longestHang)
        let settled = try await sandbox.waitForDeliveries(
            includingRetries: true, atMost: .seconds(seconds))
        var answer = try await counts()
        answer.set("settled", to: .bool(settled))
        return answer
    }

    /// Every mode but `hold` lets go of what is held. It does so where events are written, one
    /// database transaction after the other, so that no event falls between the old way and the
    /// new.
    private func setWebhooks(_ body: JSONValue) async throws -> JSONValue {
        let mode = body["mode"]?.string
        guard mode.map({ Self.webhookModes.contains($0) }) ?? true else {
            let known = Self.webhookModes.joined(separator: ", ")
            throw StripeError.invalid("mode must be one of \(known)", param: "mode")
        }
        guard body["api_version"]?.string.map({ APIVersion($0) != nil }) ?? true else {
            throw StripeError.invalid("api_version was never one", param: "api_version")
        }
        let seed = mode == "shuffle" ? UInt64(bitPattern: body["seed"]?.int ?? 1) : nil
        let knobs = sandbox.knobs
        try await sandbox.queue.write { db in
            if let mode, mode != "hold" {
                var settings = TestKnobs.Webhooks()
                Self.change(&settings, body)
                try Delivery.release(db, times: settings.times, shuffledBy: seed)
            }
            knobs.changeWebhooks { Self.change(&$0, body) }
        }
        sandbox.deliverer.wake()
        return try await counts()
    }

    /// A mode starts from delivering normally; the other members add to it.
    private static func change(_ knobs: inout TestKnobs.Webhooks, _ body: JSONValue) {
        if let mode = body["mode"]?.string {
            knobs = TestKnobs.Webhooks()
            knobs.holdsAll = mode == "hold"
            if mode == "duplicate" { knobs.times = 2 }
        }
        if let times = body["times"]?.int {
            knobs.times = Int(min(max(times, 1), Int64(TestKnobs.maximumTimes)))
        }
        if let flag = body["two_event_ids"]?.bool { knobs.twoEventIDs = flag }
        if let flag = body["bad_signature"]?.bool { knobs.badSignature = flag }
        if let count = body["drop_first"]?.int { knobs.dropFirst = Int(clamping: count) }
        if let offset = body["timestamp_offset"]?.int { knobs.timestampOffset = offset }
        if let types = body["hold_types"]?.array {
            knobs.heldTypes = Set(types.compactMap(\.string))
        }
        if let text = body["api_version"]?.string { knobs.version = APIVersion(text) }
        switch body["secrets"] {
        case .array(let secrets): knobs.secrets = secrets.compactMap(\.string)
        case .null: knobs.secrets = nil
        default: break
        }
    }

    // MARK: Charges

    private func setCustomer(_ id: String, _ body: JSONValue) async throws -> JSONValue {
        let next = body["next_charge"]?.string
        let card = body["card"]?.string
        let outcomes = ["ok", "decline", "authenticate", "processing"]
        guard next.map({ outcomes.contains($0) }) ?? true,
            card.map({ outcomes.contains($0) }) ?? true
        else { throw StripeError.invalid("next_charge or card has an unknown value") }
        return try await sandbox.perform { account in
            _ = try account.getLive(.customer, id)
            try account.db.execute(
                sql: """
                    INSERT INTO customer_knobs (customer, next_charge, card)
                    VALUES (?1, ?2, coalesce(?3, 'ok'))
                    ON CONFLICT (customer) DO UPDATE SET
                        next_charge = coalesce(?2, next_charge), card = coalesce(?3, card)
                    """, arguments: [id, next, card])
            return ["ok": true]
        }
    }

    private func setDunning(_ body: JSONValue) throws -> JSONValue {
        guard let end = TestKnobs.DunningEnd(rawValue: try text("ends_as", body)) else {
            throw StripeError.invalid(
                "ends_as must be canceled, unpaid or past_due", param: "ends_as")
        }
        sandbox.knobs.setDunningEnd(end)
        return ["ok": true]
    }

    private func setUndo(_ body: JSONValue) throws -> JSONValue {
        guard let undo = TestKnobs.FlagUndo(rawValue: try text("flag_clears", body)) else {
            throw StripeError.invalid(
                "flag_clears must be period_end, any or none", param: "flag_clears")
        }
        sandbox.knobs.setFlagUndo(undo)
        return ["ok": true]
    }

    /// A refund or a dispute of the charge that paid an invoice or belongs to a payment intent.
    private func chargeback(_ kind: String, _ body: JSONValue) async throws -> JSONValue {
        try await sandbox.perform { account in
            try account.followClock(namedBy: body)
            if kind == "refunds" { return try account.refund(toldBy: body) }
            let status = body["status"]?.string ?? "needs_response"
            guard Account.disputeStatuses.contains(status) else {
                throw StripeError.invalid(
                    "status must be one of " + Account.disputeStatuses.joined(separator: ", "))
            }
            let reason = body["reason"]?.string ?? "general"
            guard Account.disputeReasons.contains(reason) else {
                throw StripeError.invalid(
                    "reason must be one of " + Account.disputeReasons.joined(separator: ", "))
            }
            return try account.dispute(
                account.charge(namedBy: body), status: status, amount: body["amount"]?.int,
                reason: reason)
        }
    }

    /// A payment that a bank processes succeeds or fails.
    private func settlePayment(_ body: JSONValue) async throws -> JSONValue {
        let succeeds = try text("status", body) == "succeeded"
        return try await sandbox.perform { account in
            try account.followClock(namedBy: body)
            let intent = try account.intent(namedBy: body)
            try account.settlePayment(intent, succeeds: succeeds)
            return try account.get(.paymentIntent, intent)
        }
    }

    // MARK: Faults

    private func addFault(_ body: JSONValue) throws -> JSONValue {
        guard let kind = TestKnobs.Fault.Kind(rawValue: try text("kind", body)) else {
            throw StripeError.invalid(
                "kind must be status, stored, hang, drop_before or drop_after", param: "kind")
        }
        let status = Int(body["status"]?.int ?? 500)
        guard (400...599).contains(status) else {
            throw StripeError.invalid("status must be 400 to 599", param: "status")
        }
        let seconds = min(max(body["seconds"]?.int ?? 1, 0), Self.longestHang)
        try sandbox.knobs.add(
            TestKnobs.Fault(
                pathPrefix: body["path_prefix"]?.string ?? "/v1/",
                method: body["method"]?.string, kind: kind, status: status,
                shouldRetry: body["should_retry"]?.bool,
                times: Int(clamping: body["times"]?.int ?? 1), delay: .seconds(seconds),
                acts: body["acts"]?.bool ?? false))
        return ["ok": true]
    }

    /// Empties the account. The clock and the webhook endpoints of the configuration stay.
    private func reset() async throws -> JSONValue {
        sandbox.knobs.reset()
        return try await sandbox.perform { account in
            let kept = try account.all(.webhookEndpoint, .status, is: "enabled").filter {
                $0["id"]?.string?.hasPrefix("we_configured_") == true
            }
            for table in Schema.emptiedByReset {
                try account.db.execute(sql: "DELETE FROM \(table)")
            }
            for endpoint in kept { try account.save(endpoint) }
            return ["ok": true]
        }
    }
}
