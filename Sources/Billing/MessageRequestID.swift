import HTTPEndpoint
import JSON
import Messaging

extension Message {
    /// The request that brought it. `nil` for a message that no request of ours brought: one that a
    /// tool server sent itself may hold anything, and what gets into a log must not.
    package var requestID: String? {
        let given: String?
        do {
            given = try JSONValue.parse(body)[Message.requestIDMember]?.string
        } catch {
            return nil
        }
        return given.flatMap { RequestID.isDecent($0) ? $0 : nil }
    }
}
