import FoundationEssentials
import HTTPEndpoint
import Ledger
import Values

package struct UsageExplanationResponse: JSONObjectOutput {
    package let call: CallExplanation

    package init(_ call: CallExplanation) {
        self.call = call
    }

    package static let about = "A call, and why it was charged what it was charged."
    package static let fields =
        UsageLogResponse.fields.map { field in
            field.of { (answer: UsageExplanationResponse) in
                UsageLogResponse(log: answer.call.log, status: answer.call.status)
            }
        } + [
            OutputField(
                "price", .nullable(.object), "null of a test, and without its catalog's prices."
            ) {
                UsagePriceResponse($0.call)
            },
            OutputField(
                "balance_before", .nullable(.credits),
                "What could be spent right before it began to hold; null of older calls."
            ) {
                $0.call.log.balances.before
            },
            OutputField(
                "balance_after", .nullable(.credits),
                "What could be spent right after its end; null before that, and of older calls."
            ) {
                $0.call.log.balances.after
            },
            OutputField("windows", .array(.object), "The rate windows in which it began.") {
                $0.call.circumstances.windows.map(UsageWindowResponse.init)
            },
            OutputField("grants", .array(.object), "What it was charged to, in order.") {
                $0.call.circumstances.draws.map(UsageDrawResponse.init)
            },
            OutputField("timeline", .array(.object), "What happened, in order.") {
                $0.call.timeline.map(UsageEventResponse.init)
            },
            OutputField("sentence", .text, "All of it in a sentence.") { $0.call.sentence },
        ]
}

struct UsagePriceResponse: JSONObjectOutput {
    let call: CallExplanation
    let terms: CallTerms

    init?(_ call: CallExplanation) {
        guard let terms = call.terms else { return nil }
        self.call = call
        self.terms = terms
    }

    static let schemaName = "UsagePrice"
    static let about = "By what a call was charged."
    static let fields: [OutputField<UsagePriceResponse>] = [
        OutputField(
            "internal_cost_credits", .credits, "The feature's cost, the least with tokens."
        ) {
            $0.terms.feature.internalCost
        },
        OutputField("multiplier", .text, "The plan's.") { $0.terms.multiplier.decimal },
        OutputField("plan", .nullable(.text), "The plan.") { $0.call.circumstances.plan?.name },
        OutputField("catalog_revision", .nullable(.integer), "The catalog's number.") {
            $0.call.circumstances.revision
        },
        OutputField("tokens", .nullable(.object), "null if it was not priced by tokens.") {
            UsageTokensResponse($0.call)
        },
    ]
}

struct UsageTokensResponse: JSONObjectOutput {
    let price: TokenPrice
    let metrics: UsageLog.Metrics

    init?(_ call: CallExplanation) {
        guard let price = call.tokenPrice, call.log.metrics.usedTokens != nil else { return nil }
        self.price = price
        self.metrics = call.log.metrics
    }

    static let schemaName = "UsageTokens"
    static let about = "Tokens, and their prices in credits a million."
    static let fields: [OutputField<UsageTokensResponse>] = [
        OutputField("model", .text, "The model, or its beginning, that the price is of.") {
            $0.price.model
        },
        OutputField("input_tokens", .nullable(.integer), "Of input.") { $0.metrics.inputTokens },
        OutputField("cached_input_tokens", .nullable(.integer), "A part of the input.") {
            $0.metrics.cachedInputTokens
        },
        OutputField("output_tokens", .nullable(.integer), "Of output.") {
            $0.metrics.outputTokens
        },
        OutputField("reasoning_tokens", .nullable(.integer), "A part of the output.") {
            $0.metrics.reasoningTokens
        },
        OutputField("input", .credits, "A million of input.") { $0.price.input },
        OutputField("cached_input", .credits, "A million of cached input.") {
            $0.price.cachedInput ?? $0.price.input
        },
        OutputField("output", .credits, "A million of output.") { $0.price.output },
        OutputField("reasoning", .credits, "A million of reasoning.") {
            $0.price.reasoning ?? $0.price.output
        },
    ]
}

struct UsageWindowResponse: JSONObjectOutput {
    let window: CallWindow

    static let schemaName = "UsageWindow"
    static let about = "A rate window as a call found it."
    static let fields: [OutputField<UsageWindowResponse>] = [
        OutputField("window", .oneOf, "A UTC calendar minute or day.") { $0.window.span },
        OutputField("started_at", .time, "When it began.") { $0.window.start },
        OutputField("calls", .integer, "Calls in it so far, this one among them.") {
            $0.window.calls
        },
        OutputField("limit", .nullable(.integer), "null: none, or no longer known.") {
            $0.window.limit
        },
    ]
}

struct UsageDrawResponse: JSONObjectOutput {
    let draw: CallDraw

    static let schemaName = "UsageDraw"
    static let about = "What a call was charged of one source."
    static let fields: [OutputField<UsageDrawResponse>] = [
        OutputField("source", .text, "`plan` for a period's pool, else the grant's source.") {
            $0.draw.source
        },
        OutputField("grant_id", .nullable(.uuid), "null for a period's pool.") {
            $0.draw.grantID
        },
        OutputField("period", .nullable(.integer), "Of a pool: the period's number.") {
            $0.draw.period
        },
        OutputField("credits", .credits, "What was charged of it.") { $0.draw.credits },
    ]
}

struct UsageEventResponse: JSONObjectOutput {
    let event: CallEvent

    static let schemaName = "UsageTimelineEvent"
    static let about = "Something that happened to a call."
    static let fields: [OutputField<UsageEventResponse>] = [
        OutputField("at", .time, "When.") { $0.event.at },
        OutputField("event", .oneOf, "What.") { $0.event.kind },
        OutputField(
            "request_id", .nullable(.text),
            "The tool server's name of it: `request_id`, `extension_id` or `capture_id`."
        ) {
            $0.event.name
        },
        OutputField("credits", .credits, "How many it was about.") { $0.event.credits },
    ]
}
