/// Calls that run unasked, while the service is away, and what is told of them afterwards.
extension Engine {
    /// Whether calls may run unasked: then what other processes ran must be known, too.
    var mayOpen: Bool { outage.mayOpen && spool.hasLooked.isSet }

    /// Once its beginning is on the disk. Throws `spoolUnavailable`.
    /// - dropped: called if it ends with nothing to tell.
    func begin(
        _ journal: Journal, dropped: @escaping @ClientActor () -> Void
    ) async throws -> Usage {
        let usage = Usage(
            usageId: journal.usageId, userId: journal.userId, creditsReserved: journal.credits,
            journal: journal.body)
        usage.dropped = dropped
        usages[usage.usageId] = usage
        do {
            try await sync(usage.opened())
        } catch {
            drop(usage)
            throw error
        }
        return usage
    }

    /// Returns once the record is on the disk. Throws `spoolUnavailable`.
    func sync(_ record: JSONObject) async throws {
        let written = Signal()
        var hasFailed = false
        spool.append(record) {
            hasFailed = $0
            written.set()
        }
        let isThere = await written.wait(for: diskTimeout, heedsCancellation: false)
        if isThere && !hasFailed { return }
        throw CueBXError(.spoolUnavailable, "The spool cannot be written.")
    }

    /// Refuses a call that the service has granted, if the same request ran unasked and the service
    /// does not know: the hold is given back, unless there will be a record, which commits it. Any
    /// other does not run unasked from now on.
    func ran(_ asking: Asking, _ granted: Usage) -> CueBXError? {
        guard asking.isNamed, asking.customer == nil else { return nil }
        let name = Outage.name(of: asking, granted.userId)
        guard let known = outage.known(as: name) else {
            outage.granted(name, granted.usageId)
            return nil
        }
        guard let before = usages[name] else {
            giveBack(granted)
            return .hasRun(known, isRunning: false)
        }
        if before.isOpen {
            let dropped = before.dropped
            before.dropped = { [self] in
                dropped?()
                giveBack(granted)
            }
        }
        told(granted)
        return .hasRun(known, isRunning: before.isOpen)
    }

    /// It has delivered nothing, and costs nothing.
    func drop(_ usage: Usage) {
        usage.isOpen = false
        outage.acknowledged(usage.usageId)
        told(usage)
        usage.dropped?()
        usage.dropped = nil
    }

    func recorded(_ usage: Usage, _ record: JSONObject, _ reply: Reply) {
        if let answer = reply.answer, answer.status == 200 {
            var facts = ["usage_id": usage.usageId]
            facts["credits_charged"] = answer.body.value("credits_charged")
            facts["credits_not_charged"] = answer.body.value("credits_not_charged")
            events.tell("recorded", facts)
        } else {
            let status = reply.answer?.status ?? 0
            events.tell(
                "record_refused",
                ["usage_id": usage.usageId, "status": String(status), "reason": reply.message])
            let answer = reply.answer.map { JSON.object($0.body) } ?? .string(reply.message)
            layAside(record, status: status, answer: answer)
        }
        outage.acknowledged(usage.usageId)
        told(usage)
    }
}

extension Call {
    /// Whether it runs unasked, since the service is away, and is told afterwards.
    public var isJournaled: Bool { usage.journal != nil }

    /// Of a call that runs unasked: what it has handed out so far, should this process die.
    @ClientActor
    func notePart(_ production: Production) {
        guard production.chunks > 0, usage.isOpen else { return }
        engine.spool.append(part(production))
    }

    /// The same before the first chunk is handed out: returns once it is on the disk. Throws
    /// `spoolUnavailable`: what could not be told after all is not handed out.
    @ClientActor
    func noteFirst(_ production: Production) async throws {
        guard usage.isOpen else { return }
        do {
            try await engine.sync(part(production))
        } catch {
            production.takeBackChunk()
            throw error
        }
    }

    @ClientActor
    private func part(_ production: Production) -> JSONObject {
        var part = usage.outcome([record(production.metrics(production.total))])
        part["is_part"] = true
        return part
    }

    /// Of a call that ran unasked: what it used, or nothing if it has delivered nothing.
    @ClientActor
    func recorded(_ told: Told) -> [JSONObject] {
        let production = production.flatMap { $0.chunks > 0 ? $0 : nil }
        if told.failure != nil && production == nil { return [] }
        var used = UsageMetrics(told.settled ?? [:])
        if let production, told.failure != nil || told.settled == nil {
            used = production.metrics(production.total)
        }
        return [record(used)]
    }

    /// As much as one may tell; credits are none of it: the service knows the price.
    @ClientActor
    private func record(_ used: UsageMetrics) -> JSONObject {
        var metrics = used
        metrics.json["credits"] = nil
        for member in used.json.members where member.name.hasSuffix("_tokens") {
            metrics.json[member.name] = .int(min(Limits.mostTokens, member.value.int ?? 0))
        }
        if metrics.hasTokens && metrics.modelUsed == nil { metrics.modelUsed = model }
        metrics.latencyMs = latency
        let body = (usage.journal ?? [:]).merging(["metrics": .object(metrics.json)])
        return .operation("record", body)
    }
}
