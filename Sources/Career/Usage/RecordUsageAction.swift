import FoundationEssentials
import HTTPEndpoint
import Ledger
import Metering
import Values

/// `POST /career/internal/usage/record`: a call ran while the service could not be asked.
struct RecordUsageCall: Action {
    let quota: CareerQuotaService
    /// How long ago the call may have run, in seconds; none: nothing is recorded.
    let within: Int64

    static let about = About(
        "After an outage: tell of an AI call that ran unasked",
        details: """
            For tool servers that go on in an outage of this service. The call is charged at most \
            what can be drawn now; the rest is noted in `credits_not_charged` and not owed. The \
            same `request_id` and payload are charged once, and where `validate` had reached the \
            service after all, this is the commit of its hold. Off unless `RECORD_WITHIN` says how \
            long ago a call may have run.
            """,
        access: .internalKey,
        decisions: [
            (402, "`no_subscription`; nothing was charged."),
            (409, "`already_ended` or `request_mismatch`; nothing was changed."),
        ],
        refusals: [.invalidInternalKey, .recordingDisabled, .userNotFound])

    func read(_ input: inout InputReader) -> UsageRecordRequest {
        input.body(UsageRecordRequest.self)
    }

    func perform(
        _ request: UsageRecordRequest, _ call: Call
    ) async throws -> Reply<UsageRecordResponse> {
        guard within > 0 else { throw Problem.recordingDisabled }
        let outcome = try await quota.record(request, within: within, requestID: call.id)
        return try UsageRecordResponse.reply(to: outcome, within: within)
    }
}

package struct UsageRecordRequest: JSONInput {
    let key: IdempotencyKey
    let featureKey: String
    let ranAt: Timestamp
    let metrics: UsageLog.Metrics

    package static let about = "Tells of a call that ran unasked."

    package init(_ reader: inout ObjectReader) {
        key = IdempotencyKey(
            userID: reader.required("user_id", .uuid, "Whose call it was."),
            requestID: reader.required(
                "request_id", .text(1...255), "Names the call; as in validate."),
            payloadHash: reader.required(
                "payload_hash", .payloadHash, "SHA-256 of the call's payload."))
        featureKey = reader.required(
            "feature_key", .text(1...255), "The feature, e.g. `career.job_match`.")
        ranAt = reader.required("ran_at", .time, "When it ran.")
        metrics =
            reader.optional("metrics", .object(UsageMetrics.self), "What was measured.")?.metrics
            ?? UsageLog.Metrics()
    }
}

package struct UsageRecordResponse: JSONObjectOutput {
    package enum Code: String, CaseIterable, Sendable {
        case recorded
        case alreadyEnded = "already_ended"
        case requestMismatch = "request_mismatch"
        case noSubscription = "no_subscription"
    }

    let code: Code
    let message: String
    var usageID: UUID?
    var status: UsageLog.Status?
    var creditsCharged = Credits.zero
    var creditsNotCharged = Credits.zero

    package static let about = "What became of a call that ran unasked."
    package static let fields: [OutputField<UsageRecordResponse>] = [
        OutputField("success", .bool, "Whether it is recorded, now or before.") {
            $0.code == .recorded
        },
        OutputField("code", .oneOf, "The decision, for programs.") { $0.code },
        OutputField("message", .text, "One sentence for a person.") { $0.message },
        OutputField("usage_id", .nullable(.uuid), "The log.") { $0.usageID },
        OutputField("status", .nullable(.oneOf), "How the call ended.") { $0.status },
        OutputField("credits_charged", .credits, "What the call cost.") { $0.creditsCharged },
        OutputField(
            "credits_not_charged", .credits, "What it took beyond what was to be had."
        ) { $0.creditsNotCharged },
    ]

    static func reply(
        to outcome: RecordUsage.Outcome, within: Int64
    ) throws(Problem) -> Reply<UsageRecordResponse> {
        func refuse(
            _ status: Int, _ code: Code, _ message: String, _ usageID: UUID? = nil,
            _ log: UsageLog.Status? = nil, charged: Credits = .zero
        ) -> Reply<UsageRecordResponse> {
            Reply(
                UsageRecordResponse(
                    code: code, message: message, usageID: usageID, status: log,
                    creditsCharged: charged), status: status)
        }
        switch outcome {
        case .unknownUser: throw Problem.userNotFound
        case .unknownFeature: throw Problem.unknownFeature
        case .priceOutOfBounds, .told(_, .priceOutOfBounds):
            throw Problem.priceOutOfBounds(["metrics"])
        case .notOfThisDay:
            throw Problem.invalid([
                FieldError(
                    ["body", "ran_at"], "must be within the last \(within) seconds",
                    type: "not_recent")
            ])
        case .noSubscription:
            return refuse(402, .noSubscription, "The user has no Career subscription.")
        case .requestMismatch(let usageID, let status):
            return refuse(
                409, .requestMismatch,
                "This request_id and payload were sent for another feature.", usageID, status)
        // A log that was found by its key is there, and its user's.
        case .told(_, .unknownUsage), .told(_, .notTheirs): throw Problem.userNotFound
        case .told(let usageID, .refused(let status, let charged)):
            return refuse(
                409, .alreadyEnded, "The call has already ended (\(status.rawValue)).", usageID,
                status, charged: charged)
        case .told(let usageID, .applied(let status, let charged, _, _, let notCharged, _)):
            return Reply(
                UsageRecordResponse(
                    code: .recorded, message: "Recorded.", usageID: usageID, status: status,
                    creditsCharged: charged, creditsNotCharged: notCharged))
        }
    }
}

extension Problem {
    static let recordingDisabled = Problem(
        403, "usage_record_disabled", "Recording is off",
        "This service does not take calls that ran unasked.")
    static let userNotFound = Problem(
        404, "user_not_found", "User not found", "There is no user with this id.")
}
