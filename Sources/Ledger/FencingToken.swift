/// A fencing token: the number under which a subscription was fetched from Stripe. Whoever fetches
/// takes the next number first, so what was fetched under a lower number than one that has been
/// applied is out of date, and is not written.
public struct FencingToken: Sendable, Hashable {
    /// Stripe's id of the subscription.
    public let subscriptionID: String
    /// From 1 on.
    public let number: Int64

    public init(subscriptionID: String, number: Int64) {
        self.subscriptionID = subscriptionID
        self.number = number
    }
}

/// How far the fencing tokens of one subscription have come.
public struct FencingCounters: Sendable, Hashable {
    /// The last number that was handed out.
    public var issued: Int64
    /// The highest number whose fetch was applied; 0 before the first.
    public var applied: Int64

    public init(issued: Int64, applied: Int64) {
        self.issued = issued
        self.applied = applied
    }
}
