/// A text that no representation shows.
struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let text: String

    var description: String { "Secret(…)" }
    var debugDescription: String { description }
    var customMirror: Mirror { Mirror(self, children: []) }
}

/// What is asked before a call.
struct Asking: Sendable {
    let feature: String
    /// Of the user; nil if a customer asks.
    let token: Secret?
    let customer: Customer?
    let request: UsageValidateRequest
    let estimate: UsageEstimate?
    let holdSeconds: Int?
    /// Whether the host names the request, and may ask for it again.
    let isNamed: Bool
    /// In which the call is made.
    var span: (any CallSpan)?

    /// Throws `invalidRequest` or `invalidToken` for what the service could not read.
    /// - user: an access token, with or without "Bearer ".
    init(
        feature: String, user: String, payload: Payload, details: CallDetails
    ) throws(CueBXError) {
        let text = withoutScheme(user)
        try Limits.token(text)
        try self.init(feature, Secret(text: text), nil, payload, details)
    }

    /// Throws `invalidRequest`, `malformedApiKey` or `keyOfAnotherWorkspace` likewise.
    init(
        feature: String, customer: Customer, payload: Payload, details: CallDetails
    ) throws(CueBXError) {
        try Limits.apiKey(customer.apiKey.text)
        try Limits.clientId(customer.clientId)
        try self.init(feature, nil, customer, payload, details)
    }

    private init(
        _ feature: String, _ token: Secret?, _ customer: Customer?, _ payload: Payload,
        _ details: CallDetails
    ) throws(CueBXError) {
        self.feature = feature
        self.token = token
        self.customer = customer
        estimate = details.estimate
        holdSeconds = details.holdSeconds
        let name = details.requestId.flatMap { $0.isEmpty ? nil : $0 }
        isNamed = name != nil
        var request = UsageValidateRequest(
            requestId: name ?? newId(), featureKey: feature,
            endpoint: details.endpoint, method: details.method, payloadHash: payload.hash,
            holdSeconds: details.holdSeconds, client: details.client,
            usageEstimate: details.estimate)
        // The service does not know a call that ran unasked: its child is charged by itself.
        let parent = details.parentUsageId.flatMap { isJournal($0) ? nil : $0 }
        request.json.set("parent_usage_id", parent)
        request.json.set("client_id", customer?.clientId)
        self.request = try Limits.judged(request)
    }

    /// How long the token is good by the service's clock; nil if it does not say. It is read, not
    /// judged: that is the service's.
    /// - clockOffset: the service's clock less ours, in seconds.
    func secondsOfToken(clockOffset: Double) -> Double? {
        guard let token else { return nil }
        let parts = token.text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count > 1, let bytes = bytes(ofBase64URL: parts[1]) else { return nil }
        do {
            let end = try JSON(parsing: bytes)["exp"].double
            return end.map { $0 - Double(unixMilliseconds()) / 1000 - clockOffset }
        } catch {
            return nil
        }
    }

    func isTokenOver(clockOffset: Double) -> Bool {
        secondsOfToken(clockOffset: clockOffset).map { $0 <= 0 } ?? false
    }
}

/// RFC 4648 §5, without padding; nil if it is not.
package func bytes(ofBase64URL text: Substring) -> [UInt8]? {
    var bytes: [UInt8] = []
    var (bits, count) = (UInt32(0), 0)
    for byte in text.utf8 {
        let value: UInt8
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): value = byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "-"): value = 62
        case UInt8(ascii: "_"): value = 63
        default: return nil
        }
        bits = bits << 6 | UInt32(value)
        count += 6
        if count >= 8 {
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
        }
    }
    return bytes
}
