/// What a tool server answers its own caller if a call may not run: problem+json (RFC 9457).
public struct HostAnswer: Sendable {
    public let status: Int
    public let headers: [String: String]
    public let body: [UInt8]
}

/// Of what is no decision: nothing ran, and it may be tried again.
private let retryAfterSeconds = 2

extension CueBXError {
    /// The tool server's own mistakes (its key, its feature) are a 500 without their details.
    public var hostAnswer: HostAnswer {
        var headers = ["Content-Type": "application/problem+json"]
        let isMistake = [.invalidInternalKey, .invalidRequest, .misused].contains(kind)
        var answered = (status: status ?? 409, code: code ?? "refused", detail: message)
        if isMistake || !isRefusal {
            answered = (
                isMistake ? 500 : 503,
                isMistake ? "metering_misconfigured" : "metering_unavailable",
                "The call could not be metered; nothing was run or charged."
            )
        } else if answered.status < 400 {
            answered.status = 409
        }
        if !isMistake, retryAfter != nil || !isRefusal {
            headers["Retry-After"] = String(
                max(1, retryAfter.map { Int($0.seconds.rounded(.up)) } ?? retryAfterSeconds))
        }
        if [.tokenExpired, .invalidToken, .invalidApiKey, .malformedApiKey].contains(kind) {
            // Whose request is this one's has presented no good credential, whatever is wrong with
            // it.
            answered.status = 401
            headers["WWW-Authenticate"] = "Bearer"
        }
        var body: JSONObject = [
            "type": .string("urn:cuebx:problem:\(answered.code)"), "title": .string(kind.rawValue),
            "status": .int(answered.status), "detail": .string(answered.detail),
            "code": .string(answered.code),
        ]
        if isRefusal, let usageId { body["usage_id"] = .string(usageId) }
        return HostAnswer(
            status: answered.status, headers: headers, body: JSON.object(body).encoded())
    }
}
