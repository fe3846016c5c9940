/// What is sold and metered by itself: each product has a catalog, accounts and usage logs of its
/// own, and no call of one is charged to another.
public enum Product: String, Sendable, Hashable, CaseIterable {
    /// For persons: a user holds the account.
    case career
    /// For teams that call by key: a workspace holds the account.
    case api

    /// Whether plans of the product are priced by seats.
    public var sellsSeats: Bool { self == .api }

    /// What the keys of the API's features begin with, so that no key is of two products.
    static let keyOfAPI = "api."
}
