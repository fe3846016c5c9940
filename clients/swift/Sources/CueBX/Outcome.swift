private let longestLatency = 3_600_000
private let longestReason = 1000
let longestModel = 100

extension Call {
    /// The operations that tell the service how the call ended, in order.
    @ClientActor
    func outcome(_ told: Told) -> [JSONObject] {
        if let failure = told.failure { return released(failure) }
        var settled = told.settled
        if settled == nil, let production, production.chunks > 0 {
            settled = production.metrics(production.total).json
        }
        if settled == nil && asking.estimate != nil {
            engine.events.tell("settle_left_out", ["usage_id": usageId])
        }
        if let production, let whole = settled { settled = production.withoutCaptured(whole) }
        return [commit(settled ?? [:])]
    }

    /// What was produced is captured, the rest goes back.
    @ClientActor
    private func released(_ failure: UsageFailure) -> [JSONObject] {
        var failure = failure
        let reason = String((failure.reason ?? "").prefix(longestReason))
        failure.reason = reason.isEmpty ? failure.failureType?.rawValue : reason
        guard let production, let part = production.part() else { return [commit([:], failure)] }
        if !engine.canCapture {
            // An older service charges on success alone.
            return [commit(production.metrics(production.total).json)]
        }
        guard let capture = captureBody(part, production) else { return [commit([:], failure)] }
        return [.operation("capture", capture), commit([:], failure)]
    }

    @ClientActor
    private func commit(_ settled: JSONObject, _ failure: UsageFailure? = nil) -> JSONObject {
        var metrics = UsageMetrics(settled)
        let credits: String? = settled.value("credits")
        metrics.json["credits"] = nil
        metrics.latencyMs = min(longestLatency, Int((ContinuousClock.now - began).seconds * 1000))
        let commit = UsageCommitRequest(
            userId: userId, usageId: usageId, success: failure == nil, metrics: metrics,
            credits: failure == nil ? credits : nil, failure: failure)
        return .operation("commit", commit.json)
    }
}
