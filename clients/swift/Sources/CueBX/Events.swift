/// What happens inside a client that its host may want to know: structured, and without any secret.
public struct Event: Sendable, Hashable {
    public enum Level: String, Sendable {
        case debug, info, warning, error
    }

    /// One of `Event.levels`. Names do not change; new ones may come.
    public let name: String
    /// E.g. `usage_id`, `status`, `code`, `seconds`.
    public let fields: [String: String]

    public var level: Level { Self.levels[name] ?? .info }

    public static let levels: [String: Level] = [
        "granted": .debug,
        "refused": .info,
        "settled": .debug,
        "retrying": .info,
        "extended": .debug,
        "extend_refused": .warning,
        "extend_unsupported": .warning,
        "capture_refused": .warning,
        "batch_unsupported": .info,
        "settle_left_out": .warning,
        "settle_refused": .error,
        "result_refused": .error,
        "result_not_kept": .warning,
        "hold_given_back": .info,
        "commit_refused": .error,
        "commit_given_up": .error,
        "spool_adopted": .warning,
        "spool_unknown": .error,
        "spool_failed": .error,
        "spool_volatile": .warning,
        "outage_opened": .warning,
        "outage_refused": .warning,
        "journaled": .warning,
        "recorded": .info,
        "record_refused": .error,
    ]
}

struct Events: Sendable {
    let listener: (@Sendable (Event) -> Void)?

    func tell(_ name: String, _ fields: [String: String] = [:]) {
        listener?(Event(name: name, fields: fields))
    }
}
