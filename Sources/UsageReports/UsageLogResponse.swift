import FoundationEssentials
import HTTPEndpoint
import Ledger
import Values

package struct UsageLogResponse: JSONObjectOutput {
    package let log: UsageLog
    package let status: UsageLog.Status

    /// - Parameter status: how the log stands now; as it is stored if not given.
    package init(log: UsageLog, status: UsageLog.Status? = nil) {
        self.log = log
        self.status = status ?? log.status
    }

    package static let schemaName = "CareerUsageLog"
    package static let about = "One metered call."
    package static let fields: [OutputField<UsageLogResponse>] = [
        OutputField("id", .uuid, "The `usage_id`.") { $0.log.id },
        OutputField("request_id", .text, "The tool server's name of it.") {
            $0.log.key.requestID
        },
        OutputField("feature_key", .text, "The feature.") { $0.log.featureKey },
        OutputField("status", .oneOf, "How it stands.") { $0.status },
        OutputField(
            "credits_reserved", .credits, "What it holds now; after its end all that it ever held."
        ) {
            $0.status == .pending ? $0.log.creditsHeld : $0.log.creditsReserved
        },
        OutputField(
            "credits_charged", .nullable(.credits),
            "All that was charged; null before the first capture and SUCCESS."
        ) {
            $0.log.creditsCharged
        },
        OutputField(
            "credits_not_charged", .credits, "What it took beyond what was held and to be had."
        ) {
            $0.log.creditsNotCharged
        },
        OutputField(
            "credits_lent", .credits, "What calls below it hold of its hold or were charged."
        ) {
            $0.log.creditsLent
        },
        OutputField(
            "parent_usage_id", .nullable(.uuid), "The call out of whose hold its own was taken."
        ) {
            $0.log.parentID
        },
        OutputField("is_late", .bool, "Whether it succeeded after its hold had expired.") {
            $0.log.isLate
        },
        OutputField("endpoint", .text, "The tool server's endpoint.") { $0.log.call.endpoint },
        OutputField("method", .text, "Its HTTP method.") { $0.log.call.method },
        OutputField("created_at", .time, "When it was reserved.") { $0.log.createdAt },
        OutputField("committed_at", .nullable(.time), "When it was committed.") {
            $0.log.committedAt
        },
        OutputField("expires_at", .time, "When the reservation lapses.") { $0.log.expiresAt },
        OutputField("failure_type", .nullable(.oneOf), "Why it failed.") { $0.log.failure?.type },
        OutputField("failure_reason", .nullable(.text), "In a sentence.") {
            $0.log.failure?.reason
        },
    ]
}
