import FoundationEssentials
import HTTPEndpoint
import Ledger
import Values

/// What a tool server tells of a call before it, beside whose it is.
package struct CallBody: Sendable {
    package let requestID: String
    package let featureKey: String
    package let payloadHash: String
    package let call: UsageLog.Call
    package let holdSeconds: Int64?
    package let parent: UUID?

    /// - Parameters:
    ///   - example: of a feature, for the document.
    ///   - knowsFeature: whether the catalog has this feature; one that it lacks is an error of the
    ///     field like any other.
    package init(
        _ reader: inout ObjectReader, example: String,
        knowsFeature: @escaping @Sendable (String) -> Bool
    ) {
        requestID = reader.required(
            "request_id", .text(1...255), "Names the call; repeat it to repeat the question.")
        featureKey = reader.required(
            "feature_key",
            .text(1...255).satisfying("unknown_feature", "is not a known feature", knowsFeature),
            "The feature, e.g. `\(example)`.")
        let endpoint = reader.required(
            "endpoint", .text(0...2048), "The tool server's endpoint that was called.")
        let method = reader.required(
            "method", .httpMethod, "Its HTTP method; stored in upper case.")
        payloadHash = reader.required(
            "payload_hash", .payloadHash, "SHA-256 of the call's payload.")
        holdSeconds = reader.optional(
            "hold_seconds", .holdSeconds,
            """
            How long to hold; if not given, the smaller of `RESERVATION_TTL` and the feature's \
            maximum.
            """
        )
        parent = reader.optional(
            "parent_usage_id", .uuid,
            "The running call out of whose hold this one's is taken; if not given, the balance.")
        let client = reader.optional(
            "client", .object(UsageClient.self), "Who called the tool server.")
        let estimate = reader.optional(
            "usage_estimate", .object(UsageEstimate.self), "What the call is expected to take.")
        call = UsageLog.Call(
            endpoint: endpoint, method: method, clientIP: client?.ip,
            userAgent: client?.userAgent, inputChars: estimate?.inputChars,
            maxOutputTokens: estimate?.maxOutputTokens, model: estimate?.model,
            inputTokens: estimate?.inputTokens)
    }
}

/// How a call ended, beside whose it is.
package struct CommitBody: Sendable {
    /// Whether it succeeded, as far as that could be read.
    package let success: Bool
    package let result: CommitUsage.Result
    package let metrics: UsageLog.Metrics
    package let credits: Credits?

    package init(_ reader: inout ObjectReader) {
        success = reader.required("success", .bool, "Whether the call succeeded.")
        metrics =
            reader.optional("metrics", .object(UsageMetrics.self), "What was measured.")?.metrics
            ?? UsageLog.Metrics()
        credits = reader.optional(
            "credits", .credits(from: .zero),
            """
            What a success charges, at most what is held and beside what was captured; nothing \
            beside counts of tokens. All that is held if neither is given.
            """)
        let failure = reader.optional(
            "failure", .object(UsageFailure.self),
            "Why it failed: required when `success` is false, refused when it is true.")
        if success && reader.has("failure") {
            reader.reject("failure", "must be absent when success is true", type: "unexpected")
        }
        if !success && reader.has("success", .bool) && !reader.has("failure") {
            reader.reject("failure", "is required when success is false", type: "missing")
        }
        result =
            success
            ? .success
            : .failure(
                failure?.failure ?? UsageLog.Failure(type: .internalError, reason: ""))
        if reader.has("credits") && !success && reader.has("success", .bool) {
            reader.reject("credits", "must be absent when success is false", type: "unexpected")
        }
        if reader.has("credits") && metrics.hasTokens {
            reader.reject("credits", "must be absent beside counts of tokens", type: "unexpected")
        }
    }

    package func command(
        _ accountID: UUID, _ usageID: UUID, isByKey: Bool = false
    ) -> CommitUsage {
        CommitUsage(
            userID: accountID, usageID: usageID, result: result, metrics: metrics,
            credits: credits, isByKey: isByKey)
    }
}

/// What a running call needs more, beside whose it is.
package struct ExtendBody: Sendable {
    package let extensionID: String
    package let holdSeconds: Int64?
    package let raise: ExtendHold.Raise?

    package init(_ reader: inout ObjectReader) {
        extensionID = reader.required(
            "extension_id", .text(1...255), "Names the extension; repeat it to repeat the question."
        )
        holdSeconds = reader.optional(
            "hold_seconds", .holdSeconds, "How long to hold from now on, at least.")
        let more = reader.optional(
            "additional_credits", .someCredits, "What to hold beside what is held.")
        let estimate = reader.optional(
            "usage_estimate", .object(UsageEstimate.self),
            "What the whole call is now expected to take, in place of `additional_credits`.")
        if reader.has("additional_credits") && reader.has("usage_estimate") {
            reader.reject(
                "usage_estimate", "must be absent beside additional_credits", type: "unexpected")
        }
        let names = ["hold_seconds", "additional_credits", "usage_estimate"]
        if !names.contains(where: { reader.has($0) }) {
            reader.reject(nil, "must ask for time or for credits", type: "too_few_fields")
        }
        raise = more.map { .by($0) } ?? estimate.map { .to($0.announced) }
    }

    package func command(_ accountID: UUID, _ usageID: UUID) -> ExtendHold {
        ExtendHold(
            userID: accountID, usageID: usageID, extensionID: extensionID,
            holdSeconds: holdSeconds, raise: raise)
    }
}

/// A part of a running call, beside whose it is.
package struct CaptureBody: Sendable {
    package let captureID: String
    package let part: CaptureUsage.Part

    package init(_ reader: inout ObjectReader) {
        captureID = reader.required(
            "capture_id", .text(1...255), "Names the part; repeat it to repeat the question.")
        let credits = reader.optional("credits", .someCredits, "What the part costs.")
        let metrics = reader.optional(
            "metrics", .object(UsageMetrics.self),
            "What was measured since the part before: with counts of tokens, in place of `credits`."
        )
        let hasTokens = metrics?.metrics.hasTokens ?? false
        if reader.has("credits") && hasTokens {
            reader.reject("credits", "must be absent beside counts of tokens", type: "unexpected")
        }
        if !reader.has("credits") && !hasTokens
            && (metrics != nil || !reader.has("metrics"))
        {
            reader.reject(
                nil, "must have credits, or metrics with counts of tokens", type: "too_few_fields")
        }
        part =
            credits.map { .credits($0) } ?? .metrics(metrics?.metrics ?? UsageLog.Metrics())
    }

    package func command(_ accountID: UUID, _ usageID: UUID) -> CaptureUsage {
        CaptureUsage(
            userID: accountID, usageID: usageID, captureID: captureID, part: part)
    }
}
