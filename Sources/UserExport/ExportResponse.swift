import Billing
import Career
import FoundationEssentials
import HTTPEndpoint
import History
import Identity
import Ledger
import Subscriptions
import TopUps
import UsageReports
import Values
import Workspaces

/// The schema of an export. No value of it is ever made: ``ExportPages`` writes it page by page.
package enum ExportResponse: JSONObjectOutput {
    package static let about = "All that is kept of a user."
    package static let fields: [OutputField<ExportResponse>] = [
        OutputField("user", of: MeResponse.schema, "The account."),
        OutputField(
            "subscription", of: CareerSubscriptionResponse?.schema, "The Career subscription."),
        OutputField(
            "spending_limits", of: SpendingLimitsResponse?.schema, "What the user limits."),
        OutputField("auto_top_up", of: AutoTopUpResponse?.schema, "What is bought by itself."),
        OutputField(
            "workspaces", listOf: ExportedMembership.schema, "Whose member the user is."),
        OutputField(
            "workspace_api_keys", listOf: ExportedAPIKey.schema, "Keys that the user has made."),
        OutputField(
            "credit_refusals", listOf: ExportedRefusal.schema,
            "The latest call on each plan that was refused for want of credits."),
        OutputField(
            "subscription_history", listOf: SubscriptionChangeResponse.schema,
            "Its changes, the oldest first."),
        OutputField("sessions", listOf: SessionResponse.schema, "Where the user is signed in."),
        OutputField("credit_grants", listOf: GrantResponse.schema, "What was granted."),
        OutputField(
            "grants", listOf: ExportedGrant.schema,
            "Credits beside those of a period, newest first."),
        OutputField(
            "pack_purchases", listOf: PackPurchaseResponse.schema,
            "Packs of credits that were chosen, the oldest first."),
        OutputField(
            "top_up_purchases", listOf: TopUpPurchaseResponse.schema,
            "What was bought by itself, or tried to be, the oldest first."),
        OutputField(
            "auto_top_up_changes", listOf: TopUpChangeResponse.schema,
            "What was agreed to, changed and ended, the oldest first."),
        OutputField("usage_logs", listOf: ExportedUsageLog.schema, "Newest first."),
        OutputField(
            "usage_steps", listOf: ExportedStep.schema,
            "What was done with calls between their beginning and their end."),
        OutputField(
            "analysis_results", listOf: AnalysisResultResponse.schema,
            "Results of calls that were kept, newest first."),
    ]
}

struct GrantResponse: JSONObjectOutput {
    let period: Int64
    let kind: CreditGrant.Kind
    let credits: Credits
    let reason: String?
    let createdAt: Timestamp

    static let schemaName = "CreditGrant"
    static let about = "Credits given or taken away."
    static let fields: [OutputField<GrantResponse>] = [
        OutputField("period", .integer, "The number of the period.") { $0.period },
        OutputField("kind", .oneOf, "Why.") { $0.kind },
        OutputField("credits", .credits, "Negative where taken away.") { $0.credits },
        OutputField("reason", .nullable(.text), "An operator's reason.") { $0.reason },
        OutputField("created_at", .time, "When.") { $0.createdAt },
    ]
}

/// A grant with all that is kept of it, where the list of credits shows what its user needs.
struct ExportedGrant: JSONObjectOutput {
    let grant: StandaloneGrant

    static let about = "A grant beside the credits of a period, with all that is kept of it."
    static let fields: [OutputField<ExportedGrant>] =
        CreditEntryResponse.fields.map { field in
            field.of { (exported: ExportedGrant) in CreditEntryResponse(exported.grant) }
        } + [
            OutputField("cause", .text, "What it was made for.") { $0.grant.cause },
            OutputField("reason", .nullable(.text), "Whoever gave it may have told why.") {
                $0.grant.reason
            },
            OutputField("actor", .nullable(.text), "Who gave it.") { $0.grant.actor },
            OutputField("created_at", .time, "When it was made.") { $0.grant.createdAt },
        ]
}

/// A usage log with all that is kept of it, where the list of logs shows what its user needs.
struct ExportedUsageLog: JSONObjectOutput {
    let log: UsageLog

    static let about = "One metered call, with all that is kept of it."
    static let fields: [OutputField<ExportedUsageLog>] =
        UsageLogResponse.fields.map { field in
            field.of { (exported: ExportedUsageLog) in UsageLogResponse(log: exported.log) }
        } + more

    private static let more: [OutputField<ExportedUsageLog>] = [
        OutputField("period", .integer, "The number of the period it belongs to.") {
            $0.log.periodNumber
        },
        OutputField("payload_hash", .text, "SHA-256 of the call's payload.") {
            $0.log.key.payloadHash
        },
        OutputField("client_ip", .nullable(.text), "Who called the tool server.") {
            $0.log.call.clientIP
        },
        OutputField("user_agent", .nullable(.text), "What that client said of itself.") {
            $0.log.call.userAgent
        },
        OutputField("input_chars", .nullable(.integer), "Expected characters of input.") {
            $0.log.call.inputChars
        },
        OutputField("max_output_tokens", .nullable(.integer), "Expected tokens of output.") {
            $0.log.call.maxOutputTokens
        },
        OutputField("model", .nullable(.text), "The expected model.") { $0.log.call.model },
        OutputField("metrics", .object, "What was measured.") {
            UsageMetricsResponse(metrics: $0.log.metrics)
        },
    ]
}

struct ExportedStep: JSONObjectOutput {
    let step: HoldStep

    static let schemaName = "CareerUsageStep"
    static let about = "A hold was extended, or a part of it charged."
    static let fields: [OutputField<ExportedStep>] = [
        OutputField("usage_id", .uuid, "The log of the call.") { $0.step.key.usageID },
        OutputField("kind", .text, "`extend` or `capture`.") { $0.step.key.kind.rawValue },
        OutputField("name", .text, "The tool server's name of it.") { $0.step.key.name },
        OutputField("credits", .credits, "What was added to the hold, or charged.") {
            $0.step.credits
        },
        OutputField("credits_reserved", .credits, "What was held then.") {
            $0.step.state.creditsReserved
        },
        OutputField("credits_charged", .credits, "What had been charged then.") {
            $0.step.state.creditsCharged
        },
        OutputField("expires_at", .time, "When the hold would lapse.") {
            $0.step.state.expiresAt
        },
        OutputField("created_at", .time, "When it was done.") { $0.step.at },
    ]
}

struct UsageMetricsResponse: JSONObjectOutput {
    let metrics: UsageLog.Metrics

    static let about = "What the tool server measured, as far as it told."
    static let fields: [OutputField<UsageMetricsResponse>] = [
        OutputField("model_used", .nullable(.text), "The model that ran.") {
            $0.metrics.modelUsed
        },
        OutputField("input_tokens", .nullable(.integer), "Tokens of input.") {
            $0.metrics.inputTokens
        },
        OutputField("output_tokens", .nullable(.integer), "Tokens of output.") {
            $0.metrics.outputTokens
        },
        OutputField("latency_ms", .nullable(.integer), "How long it took, in milliseconds.") {
            $0.metrics.latencyMilliseconds
        },
        OutputField("cached_input_tokens", .nullable(.integer), "Of the input, from a cache.") {
            $0.metrics.cachedInputTokens
        },
        OutputField("reasoning_tokens", .nullable(.integer), "Of the output, for reasoning.") {
            $0.metrics.reasoningTokens
        },
    ]
}
