import Values

/// How many reservations were made in the current UTC calendar minute or day. Refusals and replays
/// are not counted, so only what was granted can exhaust a limit.
public struct RateWindow: Sendable, Hashable {
    public enum Span: String, Sendable, Hashable, CaseIterable {
        case minute
        case day

        public var seconds: Int64 { self == .minute ? 60 : 86_400 }
    }

    public let span: Span
    public private(set) var start: Timestamp
    public private(set) var count: Int64

    public init(_ span: Span, start: Timestamp, count: Int64) {
        self.span = span
        self.start = start
        self.count = count
    }

    /// By how much the clocks of processes may differ, in seconds. What was decided by a clock that
    /// is ahead by more binds no window: a limit is not to be full until that clock was right.
    public static let maximumSkew: Int64 = 15 * 60

    /// The window in which `now` lies: this one, or an empty one that has just begun. One that
    /// begins later than clocks may differ is forgotten.
    public func current(at now: Timestamp) -> RateWindow {
        let length = span.seconds * Timestamp.microsPerSecond
        let begin = Timestamp(clamping: now.micros - now.micros % length)
        let isOver = begin > start
        let isAhead = start > now.adding(seconds: Self.maximumSkew)
        return isOver || isAhead ? RateWindow(span, start: begin, count: 0) : self
    }

    /// When the window empties.
    public var resetAt: Timestamp { start.adding(seconds: span.seconds) }

    public func isFull(limit: Int64?) -> Bool {
        guard let limit else { return false }
        return count >= limit
    }

    public mutating func countOne() { count += 1 }
}

/// What a client may know of one of its rate limits.
public struct RateLimitStanding: Sendable, Hashable {
    public let span: RateWindow.Span
    public let limit: Int64
    public let remaining: Int64
    public let resetAt: Timestamp
}
