/// What a host may say, judged where it enters: what the service cannot take is refused for its own
/// call, before it is in a batch or a spool that others share.
enum Limits {
    // The service's own bounds (openapi.json).
    static let mostTokens = 2_000_000
    static let mostCharacters = 10_000_000
    static let longestId = 255
    static let longestModel = 100
    private static let longestEndpoint = 2048
    private static let longestUserAgent = 1024
    private static let longestAddress = 64
    private static let longestHold = 1_000_000_000
    private static let longestWhole = 12
    private static let mostDecimals = 6
    private static let mostCredits = 1_000_000_000
    private static let largestResult = 256 << 10
    private static let deepestResult = 20
    /// A call's total: more than the service takes at once is told in parts.
    private static let mostTokensOfACall = 1_000_000_000

    /// `canceled` is told by cancel alone.
    static let failureTypes: Set<FailureType> = [
        .internalError, .timeout, .rateLimited, .invalidResponse, .upstreamError, .clientError,
        .validationError,
    ]

    /// As the service refuses a field.
    static func refusal(_ name: String, _ message: String) -> CueBXError {
        var error = CueBXError(.invalidRequest, "The request is not valid. \(name) \(message)")
        error.status = 422
        error.code = "validation_error"
        return error
    }

    static func whole(
        _ name: String, _ value: Int?, _ most: Int, least: Int = 0
    ) throws(CueBXError) {
        if let value, !(least...most).contains(value) {
            throw refusal(name, "must be an integer from \(least) to \(most)")
        }
    }

    static func text(
        _ name: String, _ text: String?, _ most: Int = longestId
    ) throws(CueBXError) {
        if let text, !isText(text, most) {
            throw refusal(
                name, "must be a text of 1 to \(most) characters, without control characters")
        }
    }

    static func isText(_ text: String, _ most: Int = longestId) -> Bool {
        (1...most).contains(text.unicodeScalars.count)
            && !text.unicodeScalars.contains(where: isControl)
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 32 || scalar.value == 127
    }

    /// For people to read: what is no text in it is replaced, what is too long is cut.
    static func shown(_ text: String, _ most: Int = longestModel) -> String {
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(most) {
            shown.append(isControl(scalar) ? "\u{fffd}" : scalar)
        }
        return String(shown)
    }

    /// A decimal text of at most a billion with at most six decimals.
    static func amount(_ name: String, _ text: String?) throws(CueBXError) {
        if let text, !isAmount(text) {
            throw refusal(
                name, "must be a decimal text of at most a billion with at most six decimals")
        }
    }

    static func isAmount(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let areDigits = parts.allSatisfy { part in
            !part.isEmpty
                && part.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
        let isShort =
            parts[0].count <= longestWhole && (parts.count < 2 || parts[1].count <= mostDecimals)
        guard (1...2).contains(parts.count), areDigits, isShort, let credits = Double(text) else {
            return false
        }
        return credits <= Double(mostCredits)
    }

    static var invalidToken: CueBXError {
        var error = CueBXError(.invalidToken, "The access token is not valid.")
        error.status = 401
        error.code = "invalid_token"
        return error
    }

    /// Throws `invalidToken` for what is no header's value.
    static func token(_ text: String) throws(CueBXError) {
        if !text.isEmpty && text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) { return }
        throw invalidToken
    }

    /// Throws `malformedApiKey`; the service's own judgement is stricter.
    static func apiKey(_ text: String) throws(CueBXError) {
        let isShown = text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
        if isShown && (1...longestId).contains(text.utf8.count) { return }
        var error = CueBXError(
            .malformedApiKey, "The api_key is not written as an API key is.")
        error.status = 400
        error.code = "malformed_api_key"
        throw error
    }

    /// Throws `keyOfAnotherWorkspace`: the service says no more of a workspace that there is not.
    static func clientId(_ text: String) throws(CueBXError) {
        let digits = text.utf8.dropFirst(3)
        let areDigits = digits.allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
        }
        if text.hasPrefix("ws_") && digits.count == 32 && areDigits { return }
        var error = CueBXError(
            .keyOfAnotherWorkspace, "The api_key is not a key of this client_id.")
        error.status = 403
        error.code = "key_of_another_workspace"
        throw error
    }

    static func estimate(_ told: UsageEstimate?) throws(CueBXError) {
        guard let told else { return }
        try whole("usage_estimate.input_chars", told.inputChars, mostCharacters)
        try whole("usage_estimate.input_tokens", told.inputTokens, mostTokens)
        try whole("usage_estimate.max_output_tokens", told.maxOutputTokens, mostTokens)
        try text("usage_estimate.model", told.model, longestModel)
        if told.json.members.isEmpty {
            throw refusal("usage_estimate", "must have at least one field")
        }
    }

    static func failureType(_ type: FailureType) throws(CueBXError) {
        if failureTypes.contains(type) { return }
        let known = failureTypes.map(\.rawValue).sorted().joined(separator: ", ")
        throw refusal("failure.failure_type", "must be one of \(known)")
    }

    static func holdSeconds(_ seconds: Int?) throws(CueBXError) {
        try whole("hold_seconds", seconds, longestHold, least: 1)
    }

    /// The request as it is sent. Throws `invalidRequest` for what the service could not take.
    static func judged(_ request: UsageValidateRequest) throws(CueBXError) -> UsageValidateRequest {
        var request = request
        try text("feature_key", request.featureKey)
        try text("request_id", request.requestId)
        try text("method", request.method, 16)
        try text("parent_usage_id", request.json.value("parent_usage_id"))
        try estimate(request.usageEstimate)
        try holdSeconds(request.holdSeconds)
        request.endpoint = request.endpoint.map { shown($0, longestEndpoint) }
        if var client = request.client {
            client.ip = client.ip.map { shown($0, longestAddress) }
            client.userAgent = client.userAgent.map { shown($0, longestUserAgent) }
            request.client = client
        }
        return request
    }

    static func result(title: String, data: JSON) throws(CueBXError) {
        try text("result.title", title)
        if data.isNested(deeperThan: deepestResult) {
            throw refusal("result.data", "must be nested at most \(deepestResult) deep")
        }
        if data.encoded().count > largestResult {
            throw refusal(
                "result.data", "must have at most \(largestResult) bytes without white space")
        }
    }

    /// What a call used, in total.
    static func settlement(_ used: UsageMetrics, credits: String?) throws(CueBXError) {
        try whole("input_tokens", used.inputTokens, mostTokensOfACall)
        try whole("output_tokens", used.outputTokens, mostTokensOfACall)
        try whole("cached_input_tokens", used.cachedInputTokens, mostTokensOfACall)
        try whole("reasoning_tokens", used.reasoningTokens, mostTokensOfACall)
        try amount("credits", credits)
        if used.cachedInputTokens ?? 0 > used.inputTokens ?? 0 {
            throw refusal("cached_input_tokens", "must not be more than input_tokens")
        }
        if used.reasoningTokens ?? 0 > used.outputTokens ?? 0 {
            throw refusal("reasoning_tokens", "must not be more than output_tokens")
        }
        if credits != nil && used.hasTokens {
            throw refusal("credits", "must be absent beside counts of tokens")
        }
    }
}

extension JSON {
    /// Arrays and objects.
    fileprivate func isNested(deeperThan depth: Int) -> Bool {
        let inner = array ?? object?.members.map(\.value)
        guard let inner else { return false }
        return depth == 0 || inner.contains { $0.isNested(deeperThan: depth - 1) }
    }
}

extension UsageMetrics {
    /// Whether any count of tokens is told.
    var hasTokens: Bool { json.members.contains { $0.name.hasSuffix("_tokens") } }

    /// Each with at most as many tokens as the service takes at once; one at least.
    var parts: [UsageMetrics] {
        var parts: [UsageMetrics] = []
        var rest = self
        func isTooMany(_ member: JSONObject.Member) -> Bool {
            member.name.hasSuffix("_tokens") && member.value.int ?? 0 > Limits.mostTokens
        }
        while rest.json.members.contains(where: isTooMany) {
            var part = UsageMetrics(modelUsed: modelUsed)
            for member in rest.json.members where member.name.hasSuffix("_tokens") {
                let tokens = member.value.int ?? 0
                part.json[member.name] = .int(min(Limits.mostTokens, tokens))
                rest.json[member.name] = .int(max(0, tokens - Limits.mostTokens))
            }
            parts.append(part)
        }
        return parts + [rest]
    }
}
