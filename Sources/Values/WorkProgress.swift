/// How far work that takes long has come.
public struct WorkProgress: Sendable, Equatable {
    /// What is counted.
    public enum Unit: String, Sendable {
        case bytes
        case checks
        case customers
        case pages
        case rows
        case runs
        case seconds
    }

    public let done: Int64
    /// `nil` if nobody knows how much there is.
    public let total: Int64?
    public let unit: Unit

    public init(_ done: Int64, of total: Int64?, _ unit: Unit) {
        self.done = done
        self.total = total
        self.unit = unit
    }

    /// Told as often as the work likes, from the thread that works.
    public typealias Listener = @Sendable (WorkProgress) -> Void
}
