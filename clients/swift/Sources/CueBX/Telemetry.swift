/// What is used of a span of the host's tracer, e.g. of swift-distributed-tracing: no package of it
/// is needed here, the host hands its span in.
public protocol CallSpan: Sendable {
    func setAttributes(_ attributes: [String: SpanValue])
}

public enum SpanValue: Sendable, Hashable {
    case text(String)
    case number(Int)
}

/// Names of OpenTelemetry, alike in all languages' clients.
extension Asking {
    private var named: [String: SpanValue] {
        [
            "cuebx.feature": .text(feature),
            "cuebx.request_id": .text(request.requestId ?? ""),
        ]
    }

    func granted(_ usage: Usage) {
        span?.setAttributes(
            named.merging([
                "cuebx.usage_id": .text(usage.usageId),
                "cuebx.credits_reserved": .text(usage.creditsReserved),
            ]) { $1 })
    }

    func notGranted(_ error: CueBXError) {
        let code = error.isRefusal ? error.code ?? "" : ""
        span?.setAttributes(
            named.merging([
                "cuebx.outcome": .text("not_run"),
                "error.type": .text(code.isEmpty ? error.kind.rawValue : code),
            ]) { $1 })
    }

    /// Of what the service is told: by the conventions for calls of models where they have a name.
    func ended(_ operations: [JSONObject], _ failure: FailureType?) {
        guard let span else { return }
        let told = UsageMetrics(operations.last?.value("metrics") ?? [:])
        var found: [String: SpanValue] = [
            "cuebx.outcome": .text(failure == nil ? "success" : "failure")
        ]
        found["error.type"] = failure.map { .text($0.rawValue) }
        found["gen_ai.response.model"] = told.modelUsed.map { .text($0) }
        found["gen_ai.usage.input_tokens"] = told.inputTokens.map { .number($0) }
        found["gen_ai.usage.output_tokens"] = told.outputTokens.map { .number($0) }
        span.setAttributes(found)
    }
}
