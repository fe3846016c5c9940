import HTTPEndpoint
import JSON
import Messaging

extension Message {
    /// The request that brought it. `nil` for a message that no request of ours brought: one that a
    /// tool server sent itself may hold anything, and what gets into a log must not.
    package var requestID: String? {
        (envelope.requestID ?? requestIDOfBody).flatMap { RequestID.isDecent($0) ? $0 : nil }
    }

    /// What the version before messages had an envelope wrote into the body.
    private var requestIDOfBody: String? {
        do {
            return try JSONValue.parse(body)["x_request_id"]?.string
        } catch {
            return nil
        }
    }
}
