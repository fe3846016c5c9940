import JSON
import Ledger
import Values

extension UsageCommitRequest {
    /// The request as the message that carries it: the same fields, so that tool servers may also
    /// send it to the queue themselves.
    var message: String {
        var body: JSONObject = [
            "user_id": .string(command.userID.text), "usage_id": .string(command.usageID.text),
            "success": .bool(command.result == .success),
        ]
        if let credits = command.credits { body["credits"] = .string(credits.decimal) }
        if let analysis {
            body["result"] = [
                "title": .string(analysis.title), "data": analysis.data,
            ]
        }
        let metrics = command.metrics
        body["metrics"] = .object(
            JSONObject(
                [
                    ("model_used", metrics.modelUsed.map { JSONValue.string($0) }),
                    ("input_tokens", metrics.inputTokens.map { .int($0) }),
                    ("output_tokens", metrics.outputTokens.map { .int($0) }),
                    ("latency_ms", metrics.latencyMilliseconds.map { .int($0) }),
                    ("cached_input_tokens", metrics.cachedInputTokens.map { .int($0) }),
                    ("reasoning_tokens", metrics.reasoningTokens.map { .int($0) }),
                ].compactMap { name, value in value.map { (key: name, value: $0) } }))
        if case .failure(let failure) = command.result {
            body["failure"] = [
                "failure_type": .string(failure.type.rawValue), "reason": .string(failure.reason),
            ]
        }
        return JSONValue.object(body).compactText
    }
}
