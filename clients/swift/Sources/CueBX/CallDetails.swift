/// What may be said of a call beside whose it is and what it is about.
public struct CallDetails: Sendable {
    /// The host's Idempotency-Key; else a new one. With the payload it says which calls are the
    /// same.
    public var requestId: String?
    /// The tool server's own address and method, for the user's log.
    public var endpoint = ""
    public var method = "POST"
    /// What a feature that is priced by its tokens holds.
    public var estimate: UsageEstimate?
    /// At first; a call that runs longer is prolonged by itself.
    public var holdSeconds: Int?
    /// The usage id of the call out of whose hold this one is taken.
    public var parentUsageId: String?
    /// Who called.
    public var client: UsageClient?

    public init(
        requestId: String? = nil, endpoint: String = "", method: String = "POST",
        estimate: UsageEstimate? = nil, holdSeconds: Int? = nil, parentUsageId: String? = nil,
        client: UsageClient? = nil
    ) {
        self.requestId = requestId
        self.endpoint = endpoint
        self.method = method
        self.estimate = estimate
        self.holdSeconds = holdSeconds
        self.parentUsageId = parentUsageId
        self.client = client
    }
}
