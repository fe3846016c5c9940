/// One line of what `cuebx stripe … check` has looked at.
public struct SetupFinding: Sendable, Equatable, CustomStringConvertible {
    public let isRight: Bool
    /// What was looked at, e.g. `version`.
    public let subject: String
    public let text: String

    static func right(_ subject: String, _ text: String) -> SetupFinding {
        SetupFinding(isRight: true, subject: subject, text: text)
    }

    static func off(_ subject: String, _ text: String) -> SetupFinding {
        SetupFinding(isRight: false, subject: subject, text: text)
    }

    public var description: String { "\(isRight ? "ok " : "OFF") \(subject): \(text)" }
}
