/** Names of OpenTelemetry on the host's own span. No package of it is loaded: the host hands its span in. */
import { CueBXError, Refused } from "./errors.js";
import type { SpoolRecord } from "./spool-format.js";
import type { Body } from "./transport.js";

/** What is used of a span of `@opentelemetry/api`. */
export interface Span {
    setAttributes(attributes: Record<string, string | number>): unknown;
}

export function granted(
    span: Span | undefined, feature: string, requestId: string, usageId: string, held: string,
): void {
    span?.setAttributes({
        "cuebx.feature": feature, "cuebx.request_id": requestId, "cuebx.usage_id": usageId,
        "cuebx.credits_reserved": held,
    });
}

export function notGranted(
    span: Span | undefined, feature: string, requestId: string, error: CueBXError,
): void {
    const type = error instanceof Refused && error.code ? error.code : error.name;
    span?.setAttributes({
        "cuebx.feature": feature, "cuebx.request_id": requestId, "cuebx.outcome": "not_run",
        "error.type": type,
    });
}

/** Of what the service is told: by the conventions for calls of models where they have a name. */
export function ended(span: Span | undefined, operations: SpoolRecord[], failure?: string): void {
    if (!span) return;
    const told = (operations[operations.length - 1]?.metrics ?? {}) as Body;
    const found: Body = {
        "cuebx.outcome": failure ? "failure" : "success", "error.type": failure,
        "gen_ai.response.model": told.model_used, "gen_ai.usage.input_tokens": told.input_tokens,
        "gen_ai.usage.output_tokens": told.output_tokens,
    };
    const attributes: Record<string, string | number> = {};
    for (const [name, value] of Object.entries(found)) {
        if (typeof value === "string" || typeof value === "number") attributes[name] = value;
    }
    span.setAttributes(attributes);
}
