/// A customer of the API product, as their software names itself to the tool server.
public struct Customer: Sendable {
    /// Of their workspace, `ws_` and 32 hexadecimal digits; no secret.
    public let clientId: String
    /// It is sent with the one call that asks, and shown, written or logged nowhere.
    let apiKey: Secret

    /// What is missing is refused once a call is asked for: there its error is the host's answer.
    /// - apiKey: with or without "Bearer ".
    public init(clientId: String?, apiKey: String?) {
        self.clientId = clientId ?? ""
        self.apiKey = Secret(text: withoutScheme(apiKey ?? ""))
    }
}

/// What a header carries behind "Bearer" and blanks. The same in all clients:
/// clients/scenarios/vectors/credentials.json.
func withoutScheme(_ credential: String) -> String {
    let bytes = Array(credential.utf8)
    let scheme = String(decoding: bytes.prefix(7), as: UTF8.self).lowercased()
    guard scheme == "bearer " || scheme == "bearer" else { return credential }
    let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    var rest = bytes.dropFirst(7).drop(while: isBlank)
    while let last = rest.last, isBlank(last) { rest.removeLast() }
    return String(decoding: rest, as: UTF8.self)
}

/// The same for a customer in place of a user: the feature is one of `api.`. Such a call never runs
/// unasked.
extension Client {
    public func metered<Value>(
        _ feature: String, customer: Customer, payload: Payload = "",
        _ details: CallDetails = CallDetails(), isolation: isolated (any Actor)? = #isolation,
        body: (Call) async throws -> Value
    ) async throws -> Value {
        let asking = try Asking(
            feature: feature, customer: customer, payload: payload, details: details)
        return try await metered(asking, isolation: isolation, body: body)
    }

    public func stream<Source: AsyncSequence>(
        _ feature: String, customer: Customer, payload: Payload = "",
        _ details: CallDetails = CallDetails(), isolation: isolated (any Actor)? = #isolation,
        reading: @escaping @Sendable (Source.Element) -> ChunkContent,
        source: (Call) async throws -> Source
    ) async throws -> MeteredStream<Source> {
        let asking = try Asking(
            feature: feature, customer: customer, payload: payload, details: details)
        return try await stream(asking, isolation: isolation, reading: reading, source: source)
    }

    public func stream<Source: AsyncSequence>(
        _ feature: String, customer: Customer, payload: Payload = "",
        _ details: CallDetails = CallDetails(), isolation: isolated (any Actor)? = #isolation,
        source: (Call) async throws -> Source
    ) async throws -> MeteredStream<Source> where Source.Element: MeteredChunk {
        try await stream(
            feature, customer: customer, payload: payload, details, reading: \.content,
            source: source)
    }

    public func begin(
        _ feature: String, customer: Customer, payload: Payload = "",
        _ details: CallDetails = CallDetails()
    ) async throws -> Call {
        try await core.begin(
            try Asking(
                feature: feature, customer: customer, payload: payload, details: details),
            client: self)
    }
}
