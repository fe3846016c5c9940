import CPQ

/// What PostgreSQL refused, by its SQLSTATE (PostgreSQL's documentation, appendix A).
struct PostgreSQLFailure {
    /// Empty where the server said nothing, e.g. because it is gone.
    let state: String
    let message: String

    /// Reads an answer that is an error. Only its first line is taken: the details repeat values.
    init(_ result: OpaquePointer) {
        func field(_ code: Character) -> String {
            let number = code.asciiValue.map { Int32($0) } ?? 0
            return PQresultErrorField(result, number).map { String(cString: $0) } ?? ""
        }
        state = field("C")
        let primary = field("M")
        message =
            primary.isEmpty
            ? PostgreSQLFailure.oneLine(PQresultErrorMessage(result)) : primary
    }

    /// Two database transactions met; either alone would have passed.
    var isTransient: Bool { state == "40001" || state == "40P01" }

    /// What was prepared no longer fits the tables, which another process has migrated.
    var isStale: Bool {
        state == "26000" || state == "0A000" && message.hasPrefix("cached plan")
    }

    var error: DatabaseError {
        switch state {
        case "23505": .duplicate(message)
        case _ where state.hasPrefix("23"): .constraint(message)
        // Nothing said: the server is gone. 08 connection, 25006 read-only, 40 rolled back, 53 out
        // of resources, 55P03 lock timeout, 57 shut down or timed out, 58 system, XX001 damaged.
        case "", "25006", "55P03", "XX001", "XX002": .unavailable(message)
        case _ where ["08", "40", "53", "57", "58"].contains(state.prefix(2)) || isStale:
            .unavailable(message)
        default: .other(message)
        }
    }

    /// libpq's messages have several lines and end with a new one.
    static func oneLine(_ message: UnsafePointer<CChar>?) -> String {
        guard let message else { return "no reason given" }
        return String(cString: message).split(whereSeparator: \.isNewline)
            .map { $0.drop(while: \.isWhitespace) }.joined(separator: " ")
    }
}
