/// Why a database cannot be exported, imported or used, in one line for the operator.
public struct MoveRefusal: Error, CustomStringConvertible, Equatable {
    public let description: String

    package init(_ description: String) {
        self.description = description
    }

    /// The stream is not what an export writes. Says the line, never what stands in it: rows hold
    /// emails and password hashes.
    static func damaged(line: Int, _ reason: String) -> MoveRefusal {
        MoveRefusal("the export is damaged at line \(line): \(reason)")
    }
}
