import FoundationEssentials
import HTTPEndpoint
import Ledger
import Metering

/// What a tool server asks before an AI call.
package struct UsageValidateRequest: JSONInput {
    let requestID: String
    let featureKey: String
    let payloadHash: String
    let call: UsageLog.Call
    let holdSeconds: Int64?
    let parent: UUID?

    package static let about = "Asks whether the user may run a feature now."

    package init(_ reader: inout ObjectReader) {
        self.init(&reader, knowsFeature: { _ in true })
    }

    /// - Parameter knowsFeature: whether the catalog has this feature; one that it lacks is an
    ///   error of the field like any other.
    init(_ reader: inout ObjectReader, knowsFeature: @escaping @Sendable (String) -> Bool) {
        let body = CallBody(
            &reader, example: "career.job_match", knowsFeature: knowsFeature)
        (requestID, featureKey) = (body.requestID, body.featureKey)
        (payloadHash, call, holdSeconds) = (body.payloadHash, body.call, body.holdSeconds)
        parent = body.parent
    }
}
