private let longestLatency = 3_600_000
private let longestReason = 1000

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
        if let production, let whole = settled {
            var rest = UsageMetrics(production.withoutCaptured(whole))
            if rest.hasTokens && rest.modelUsed == nil {
                rest.modelUsed = production.model.map { Limits.shown($0) }
            }
            settled = rest.json
        }
        // More tokens than a commit may tell are captured before it.
        var parts = UsageMetrics(settled ?? [:]).parts
        let last = parts.removeLast()
        return captures(of: parts) + [commit(last.json, result: told.result)]
    }

    /// What was produced is captured, the rest goes back.
    @ClientActor
    private func released(_ failure: UsageFailure) -> [JSONObject] {
        var failure = failure
        let reason = Limits.shown(failure.reason ?? "", longestReason)
        failure.reason = reason.isEmpty ? failure.failureType?.rawValue : reason
        guard let production, !usage.isTakenWhole, let part = production.part() else {
            return [commit([:], failure)]
        }
        if !engine.canCapture(usage) {
            // An older service charges on success alone.
            return [commit(production.metrics(part).json)]
        }
        return captures(of: production.metrics(part).parts) + [commit([:], failure)]
    }

    @ClientActor
    private func captures(of parts: [UsageMetrics]) -> [JSONObject] {
        parts.enumerated().map { index, part in
            .operation("capture", captureBody(part, "s\(index + 1)"))
        }
    }

    var latency: Int {
        min(longestLatency, Int((ContinuousClock.now - began).seconds * 1000))
    }

    @ClientActor
    private func commit(
        _ settled: JSONObject, _ failure: UsageFailure? = nil, result: UsageResult? = nil
    ) -> JSONObject {
        var metrics = UsageMetrics(settled)
        let credits: String? = settled.value("credits")
        metrics.json["credits"] = nil
        metrics.latencyMs = latency
        let commit = UsageCommitRequest(
            success: failure == nil, metrics: metrics,
            credits: failure == nil ? credits : nil, failure: failure, result: result)
        return .operation("commit", usage.named.merging(commit.json))
    }
}
